// Lets one coroutine through at a time, in the order they came; the others wait without blocking a thread.
#pragma once

#include <coroutine>
#include <deque>
#include <mutex>
#include <optional>
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
    bool patient = true;
    bool got = true;
    Executor* home = nullptr;
    std::coroutine_handle<> handle{};

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
      const std::lock_guard lock(of.mutex_);
      if (!std::exchange(of.busy_, true)) return false;
      got = patient || !of.held_up_;
      if (!got) return false;
      home = Executor::current();
      handle = caller;
      of.waiting_.push_back(this);
      return true;
    }
    Turn await_resume() const { return Turn(&of); }
  };
  // Nothing while whoever has the turn is held up.
  struct Impatient : Awaiter {
    std::optional<Turn> await_resume() const { return got ? std::optional<Turn>(&of) : std::nullopt; }
  };

  Awaiter take() { return Awaiter{*this}; }
  Impatient take_unless_held_up() { return Impatient{{*this, false}}; }
  // Whoever has the turn says that it may take long, and when that is over.
  void hold_up(bool held_up) {
    const std::lock_guard lock(mutex_);
    held_up_ = held_up;
    if (!held_up) return;
    std::erase_if(waiting_, [](Awaiter* one) {
      if (one->patient) return false;
      one->got = false;
      one->home->post(one->handle);
      return true;
    });
  }

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
  bool held_up_ = false;
  std::deque<Awaiter*> waiting_;
};

}  // namespace posthouse
