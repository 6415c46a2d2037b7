// Inside of a Loop, for the files of net/ that make up the reactor.
#pragma once

#include <atomic>
#include <coroutine>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "net/descriptor.h"
#include "net/loop.h"
#include "net/timer_wheel.h"

namespace posthouse::net {

struct SleepAwaiter;

struct Loop::Impl {
  Impl();
  ~Impl();

  // --- any thread ---
  void enqueue(std::coroutine_handle<> handle, std::function<void()> fn);
  void request_cancel(Descriptor* descriptor);
  void wake_up();  // with `mutex` held

  // --- the loop's thread ---
  void turn();         // waits once for events, then handles all there is
  void wait_events();  // fills `resume`
  void run_resumed();
  bool run_posted();  // false: there was nothing
  void run_timers(SteadyTime now);
  void tend_log(SteadyTime now);
  void finish();          // stopping: everyone who waits hears of it
  int wait_time() const;  // milliseconds
  void add(Descriptor& descriptor);
  void remove(Descriptor& descriptor);

  struct Posted {
    std::coroutine_handle<> handle;  // or, if null:
    std::function<void()> fn;
  };

  int epoll_fd = -1;
  int wake_fd = -1;

  std::mutex mutex;  // guards the next four
  std::vector<Posted> posted;
  std::vector<Descriptor*> cancels;  // cancel() was called; each is alive, or took itself out
  bool sleeping = false;             // in epoll_wait, or about to be: needs a wake-up
  bool stopping_requested = false;

  bool stopping = false;        // the loop's own view
  std::vector<Posted> running;  // reused storage
  std::vector<std::coroutine_handle<>> resume;
  TimerWheel wheel;
  std::optional<SteadyTime> log_due;  // when what is buffered of the log is written
  std::multimap<SteadyTime, SleepAwaiter*> sleepers;
  Descriptor* descriptors = nullptr;  // head of the list of all
};

}  // namespace posthouse::net
