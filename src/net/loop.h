// An event loop on one thread: sockets, timers, and coroutines that go on there.
#pragma once

#include <chrono>
#include <coroutine>
#include <functional>
#include <initializer_list>
#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/result.h"
#include "base/task.h"

namespace posthouse::net {

class Loop : public Executor {
 public:
  Loop();
  ~Loop() override;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs on the calling thread until stop(). Executor::current() is this loop meanwhile. At the end
  // everything that still waits on this loop's sockets and timers is resumed with `closed`, so that it can
  // end in order.
  void run();

  // Ends run(), also one that has not begun, for good. Any thread.
  void stop();

  // Cheap for many at once: one wake-up a batch, none when the loop is busy anyway.
  void post(std::coroutine_handle<> handle) override;

  // Runs `fn` on the loop's thread, later. Any thread.
  void post(std::function<void()> fn);

  // Resumes the caller after `delay` on this loop (call on its thread). Fails with closed when the loop
  // stops.
  Task<Result<void>> sleep(milliseconds delay);

  // Calls `fn(signal)` on this loop when one of these signals came, once for all that came meanwhile. Call
  // before run() or on its thread; the last loop that asked for a signal gets it.
  void on_signal(std::initializer_list<int> signals, std::function<void(int)> fn);

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// The loop of the running thread; sessions use it to sleep and to start work beside them. Throws
// std::logic_error where no loop runs.
Loop& this_loop();

// Runs `task` to its end on a loop of its own on the calling thread: for command-line tools and tests.
template <class T>
T run_blocking(Task<T> task);

}  // namespace posthouse::net

#include "net/run_blocking.h"
