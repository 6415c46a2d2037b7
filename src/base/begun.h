// Work that another thread does while its owner goes on with something else.
#pragma once

#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/executor.h"
#include "base/task.h"

namespace posthouse {

// Whoever does the work calls give() once, on any thread; whoever wants it awaits take() once, on an
// executor. Copies are the same piece of work. Its owner may go before it is done: then its result goes with
// it, so the work refers to nothing of its owner's.
template <class T>
class Begun {
 public:
  void give(T value) const {
    std::coroutine_handle<> waiter;
    {
      const std::lock_guard lock(state_->mutex);
      state_->value.emplace(std::move(value));
      waiter = std::exchange(state_->waiter, nullptr);
    }
    if (waiter) state_->home->post(waiter);
  }
  Task<T> take() const {
    const std::shared_ptr<State> state = state_;
    Awaiter awaiter{*state};
    co_await awaiter;
    co_return std::move(*state->value);
  }

 private:
  struct State {
    std::mutex mutex;  // guards all of it
    std::optional<T> value;
    std::coroutine_handle<> waiter;
    Executor* home = nullptr;  // of the waiter
  };
  struct Awaiter {
    State& state;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) const {
      const std::lock_guard lock(state.mutex);
      if (state.value) return false;
      state.waiter = caller;
      state.home = Executor::current();
      return true;
    }
    void await_resume() const noexcept {}
  };

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace posthouse
