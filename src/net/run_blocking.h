// run_blocking(): the bridge from ordinary code to a coroutine. Included by net/loop.h.
#pragma once

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/loop.h"

namespace posthouse::net {

template <class T>
T run_blocking(Task<T> task) {
  Loop loop;
  std::exception_ptr error;
  std::conditional_t<std::is_void_v<T>, int, std::optional<T>> value{};
  auto driver = [](Loop& on, Task<T> inner, std::exception_ptr& failure, auto& out) -> Task<void> {
    try {
      if constexpr (std::is_void_v<T>) {
        co_await inner;
      } else {
        out.emplace(co_await inner);
      }
    } catch (...) {
      failure = std::current_exception();
    }
    on.stop();
  };
  Task<void> driven = driver(loop, std::move(task), error, value);
  loop.post([&] { spawn(std::move(driven)); });
  loop.run();
  if (error) std::rethrow_exception(error);
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

}  // namespace posthouse::net
