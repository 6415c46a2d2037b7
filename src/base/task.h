// Task<T>: a coroutine that starts when awaited and gives a T to whoever awaits it.
//
// Rules that keep coroutines safe (GCC 12 included):
// - A coroutine's parameters are taken by value, or by reference to something that outlives it.
// - A lambda that is a coroutine captures nothing; give it parameters instead.
// - No braced temporaries inside a co_await expression: name the value first, then await.
// - co_await stands alone in a statement or an initialiser, not inside ?:, && or ||.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace posthouse {

template <class T = void>
class [[nodiscard]] Task;

namespace detail {

struct TaskPromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr error;
  bool parked = false;  // the awaiting coroutine is suspended, and is to be resumed at the end

  std::suspend_always initial_suspend() noexcept { return {}; }

  struct Final {
    bool await_ready() noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
      if (!self.promise().parked) return std::noop_coroutine();
      return self.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  Final final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }
};

template <class T>
struct TaskPromise : TaskPromiseBase {
  std::optional<T> value;
  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
};

template <>
struct TaskPromise<void> : TaskPromiseBase {
  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
};

}  // namespace detail

// Owns its coroutine frame. Await it once, on the executor that should run it: whatever the task waits for
// must resume it on that executor's one thread (Executor::post), never inside the call that suspends. Not
// thread-safe.
template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { reset(); }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    // A task that ends without waiting lets its caller go on at once, from here: a long loop of such tasks
    // needs no stack, also where the compiler makes no tail call of a resumption. No atomics: the task is
    // only ever resumed on this thread, later.
    bool await_suspend(std::coroutine_handle<> caller) noexcept {
      handle.promise().continuation = caller;
      handle.resume();
      if (handle.done()) return false;
      handle.promise().parked = true;
      return true;
    }
    T await_resume() {
      auto& promise = handle.promise();
      if (promise.error) std::rethrow_exception(promise.error);
      if constexpr (!std::is_void_v<T>) return std::move(*promise.value);
    }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }
  Awaiter operator co_await() & noexcept { return Awaiter{handle_}; }

 private:
  void reset() {
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }
  Handle handle_ = nullptr;
};

namespace detail {
template <class T>
Task<T> TaskPromise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}

// A coroutine nobody awaits; its frame goes when it ends.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept;  // logs: an exception here is a bug
  };
};
Detached run_detached(Task<void> task);
}  // namespace detail

// Starts `task` here and now on the calling thread and lets it live on by itself. An exception that leaves it
// is logged and counted, never passed on.
void spawn(Task<void> task);

}  // namespace posthouse
