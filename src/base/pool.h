// A small pool of threads for work that would block an event loop: disk reads, password hashes.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/executor.h"
#include "base/task.h"

namespace posthouse {

// Thread-safe. Jobs start in the order they were given. The destructor runs what is queued, then joins.
class Pool {
 public:
  // `threads` at least 1; `name` shows in ps and in logs.
  Pool(size_t threads, const char* name);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs `job` on a pool thread. `job` must not throw.
  void submit(std::function<void()> job);

  // Jobs waiting for a thread, for back-pressure and metrics.
  size_t backlog() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

namespace detail {
template <class F>
struct OffloadAwaiter {
  using R = std::invoke_result_t<F&>;
  Pool& pool;
  F work;
  std::optional<std::conditional_t<std::is_void_v<R>, char, R>> value{};
  std::exception_ptr error{};

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) {
    Executor* home = Executor::current();
    pool.submit([this, caller, home] {
      try {
        if constexpr (std::is_void_v<R>) {
          work();
          value.emplace();
        } else {
          value.emplace(work());
        }
      } catch (...) {
        error = std::current_exception();
      }
      home->post(caller);
    });
  }
  R await_resume() {
    if (error) std::rethrow_exception(error);
    if constexpr (!std::is_void_v<R>) return std::move(*value);
  }
};
}  // namespace detail

// co_await offload(pool, fn): runs fn() on the pool and comes back to the calling executor with its result.
// The caller's locals stay alive meanwhile, so fn may refer to them.
template <class F>
Task<std::invoke_result_t<F&>> offload(Pool& pool, F work) {
  detail::OffloadAwaiter<F> awaiter{pool, std::move(work)};
  co_return co_await awaiter;
}

}  // namespace posthouse
