// Lets one coroutine through at a time, in the order they came; the others wait without blocking a thread.
#pragma once

#include <coroutine>
#include <deque>
#include <mutex>
#include <utility>

#include "base/executor.h"

namespace posthouse {

// Thread-safe. Lives longer than every Turn.
class Turnstile {
 public:
  // Whose turn it is; the next one's when this goes.
  class Turn {
   public:
    explicit Turn(Turnstile* of) : of_(of) {}
    Turn(Turn&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (of_ != nullptr) of_->leave();
    }

   private:
    Turnstile* of_;
  };

  struct Awaiter {
    Turnstile& of;
    Executor* home = nullptr;
    std::coroutine_handle<> handle{};

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      const std::lock_guard lock(of.mutex_);
      if (!std::exchange(of.busy_, true)) return false;
      home = Executor::current();
      handle = caller;
      of.waiting_.push_back(this);
      return true;
    }
    Turn await_resume() const { return Turn(&of); }
  };
  Awaiter take() { return Awaiter{*this}; }

 private:
  void leave() {
    const std::lock_guard lock(mutex_);
    if (waiting_.empty()) {
      busy_ = false;
      return;
    }
    const Awaiter* next = waiting_.front();
    waiting_.pop_front();
    next->home->post(next->handle);
  }

  std::mutex mutex_;
  bool busy_ = false;
  std::deque<Awaiter*> waiting_;
};

}  // namespace posthouse
