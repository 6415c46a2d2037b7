#include "support/manual_executor.h"

#include <chrono>

namespace posthouse::test {

void ManualExecutor::start(Task<void> task) {
  Executor* const before = current();
  set_current(this);
  spawn(std::move(task));
  set_current(before);
}

size_t ManualExecutor::run() {
  Executor* const before = current();
  set_current(this);
  size_t resumed = 0;
  for (;; ++resumed) {
    std::coroutine_handle<> next;
    {
      const std::lock_guard lock(mutex_);
      if (ready_.empty()) break;
      next = ready_.front();
      ready_.pop_front();
    }
    next.resume();
  }
  set_current(before);
  return resumed;
}

bool ManualExecutor::run_until(const std::function<bool()>& done, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  for (;;) {
    run();
    if (done()) return true;
    std::unique_lock lock(mutex_);
    if (!wake_.wait_until(lock, end, [this] { return !ready_.empty(); })) return false;
  }
}

}  // namespace posthouse::test
