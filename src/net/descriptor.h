// A non-blocking descriptor that a loop watches: what sockets, listeners and watches are made of within net/.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "net/loop.h"
#include "net/timer_wheel.h"

namespace posthouse::net {

// Everything on the loop's thread, except cancel(). Nobody may wait on it when it is destroyed.
//
// The kernel tells each change of readiness once (edge-triggered); the flags here remember it, so that
// neither a wait nor a read costs a system call that would only say "nothing there".
class Descriptor : private TimerWheel::Node {
 public:
  // Takes over `fd`, which must be non-blocking.
  Descriptor(Loop& loop, int fd);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int fd() const { return fd_; }
  bool readable() const { return readable_ || ended_; }

  // What a system call told: nothing (more) to read, no room to write. The next wait really waits.
  void drained() { readable_ = false; }
  void full() { writable_ = false; }

  enum class Direction { read, write };
  struct Awaiter {
    Descriptor& descriptor;
    Direction direction;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> handle);
    Result<void> await_resume() const { return descriptor.state(); }
  };
  // Suspends until the descriptor may be read (written), the deadline passes (timeout) or it is cancelled
  // (closed).
  Awaiter wait_readable() { return {*this, Direction::read}; }
  Awaiter wait_writable() { return {*this, Direction::write}; }

  struct Yield {
    Descriptor& descriptor;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> handle);
    void await_resume() const noexcept {}
  };
  // Lets the others on the loop have their turn.
  Yield yield() { return {*this}; }

  // Why an operation may not go on now: closed, timeout, or nothing.
  Result<void> state() const;
  // The same for a write that has not waited yet: it may leave even after cancel().
  Result<void> state_to_write() const;

  // A new deadline also takes back that the last one passed. SteadyTime::max(): none.
  void set_deadline(SteadyTime when);

  // From any thread, while the object lives: waits fail with closed from now on.
  void cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Closes the descriptor; waits fail with closed. Idempotent.
  void close();

 private:
  friend class Loop;
  friend struct Loop::Impl;

  void on_events(uint32_t events, std::vector<std::coroutine_handle<>>& resume);
  void wake(std::vector<std::coroutine_handle<>>& resume);
  void watch_writing();

  Loop::Impl& loop_;
  Descriptor* previous_ = nullptr;  // all descriptors of the loop
  Descriptor* next_ = nullptr;
  std::coroutine_handle<> reader_;
  std::coroutine_handle<> writer_;
  int fd_;
  bool readable_ = false;
  bool writable_ = true;
  bool ended_ = false;   // the other side writes no more, or there is an error: reading will tell
  bool broken_ = false;  // closed both ways, or there is an error: writing will tell
  bool watches_writing_ = false;
  bool expired_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace posthouse::net
