// An event loop on a thread of its own, for a program that else blocks: connections stay open between calls.
// Who destroys it waits for the thread.
#pragma once

#include <exception>
#include <future>
#include <thread>
#include <type_traits>
#include <utility>

#include "net/loop.h"

namespace posthouse::net {

class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  ~LoopThread() {
    loop_.stop();
    thread_.join();
  }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  Loop& loop() { return loop_; }

  // Runs `task` on the loop; the caller waits. Not from the loop itself.
  template <class T>
  T run(Task<T> task) {
    std::promise<T> promise;
    std::future<T> value = promise.get_future();
    const auto driver = [](Task<T> inner, std::promise<T> to) -> Task<void> {
      try {
        if constexpr (std::is_void_v<T>) {
          co_await inner;
          to.set_value();
        } else {
          to.set_value(co_await inner);
        }
      } catch (...) {
        to.set_exception(std::current_exception());
      }
    };
    Task<void> driven = driver(std::move(task), std::move(promise));
    loop_.post([&] { spawn(std::move(driven)); });
    return value.get();
  }

 private:
  Loop loop_;
  std::thread thread_;
};

}  // namespace posthouse::net
