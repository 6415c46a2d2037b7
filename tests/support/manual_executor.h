// An executor that a test turns by hand, on the test's own thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <type_traits>

#include "base/executor.h"
#include "base/task.h"

namespace posthouse::test {

// post() may be called from any thread; all else from the test's.
class ManualExecutor : public Executor {
 public:
  void post(std::coroutine_handle<> handle) override {
    const std::lock_guard lock(mutex_);
    ready_.push_back(handle);
    wake_.notify_one();  // under the lock: the executor may go as soon as its last handle ran
  }

  // Starts `task` here and lets it run as far as it can without waiting.
  void start(Task<void> task);

  // Resumes what is ready, and what becomes ready by that, until nothing is. Gives the number of resumptions.
  size_t run();

  // Runs, waiting for other threads to post, until `done()` or the patience ends; gives done().
  bool run_until(const std::function<bool()>& done, std::chrono::seconds patience = std::chrono::seconds(20));

  // Runs `task` to its end and gives its result.
  template <class T>
  T run(Task<T> task) {
    struct Out {
      std::exception_ptr error;
      std::conditional_t<std::is_void_v<T>, std::optional<char>, std::optional<T>> value;
    } out;
    auto driver = [](Task<T> inner, Out& result) -> Task<void> {
      try {
        if constexpr (std::is_void_v<T>) {
          co_await inner;
          result.value.emplace();
        } else {
          result.value.emplace(co_await inner);
        }
      } catch (...) {
        result.error = std::current_exception();
      }
    };
    start(driver(std::move(task), out));
    if (!run_until([&] { return out.error || out.value.has_value(); }))
      throw std::runtime_error("task did not end");
    if (out.error) std::rethrow_exception(out.error);
    if constexpr (!std::is_void_v<T>) return std::move(*out.value);
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::coroutine_handle<>> ready_;
};

}  // namespace posthouse::test
