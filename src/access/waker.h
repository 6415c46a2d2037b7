// Tells a waiting session, from any thread, that there is something to look at.
#pragma once

#include <coroutine>
#include <mutex>
#include <utility>

#include "base/executor.h"

namespace posthouse::access {

// signal() may be called from any thread; all else belongs to the session's executor. One waiter at a time.
class Waker {
 public:
  void signal() {
    const std::lock_guard lock(mutex_);
    dirty_ = true;
    // Posting under the lock is fine: post() never resumes by itself.
    if (sleeper_) home_->post(std::exchange(sleeper_, nullptr));
  }

  // True if signal() was called since the last take().
  bool take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(dirty_, false);
  }

  // co_await waker.wait(): until there is a signal to take.
  auto wait() {
    struct Awaiter {
      Waker& waker;
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> caller) {
        const std::lock_guard lock(waker.mutex_);
        if (waker.dirty_) return false;
        waker.home_ = Executor::current();
        waker.sleeper_ = caller;
        return true;
      }
      void await_resume() const noexcept {}
    };
    return Awaiter{*this};
  }

 private:
  std::mutex mutex_;
  bool dirty_ = false;
  Executor* home_ = nullptr;
  std::coroutine_handle<> sleeper_;
};

}  // namespace posthouse::access
