// The reactor is a page of epoll instead of Boost.Asio's: remembering edge-triggered readiness
// (net/descriptor.h) saves a system call at every wait, waiting allocates nothing, and a batch of posted
// coroutines costs one wake-up.
#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <system_error>

#include "base/log.h"
#include "net/loop_impl.h"
#include "net/signals.h"

namespace posthouse::net {

struct SleepAwaiter {
  Loop::Impl& loop;
  SteadyTime when;

  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> sleeper) {
    if (loop.stopping) return false;
    handle = sleeper;
    loop.sleepers.emplace(when, this);
    return true;
  }
  Result<void> await_resume() const {
    if (loop.stopping) return fail(FaultKind::closed, "stopped");
    return {};
  }

  std::coroutine_handle<> handle{};
};

namespace {
constexpr size_t kEventsAtOnce = 256;
constexpr milliseconds kLogDelay{50};

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

void call_guarded(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const std::exception& e) {
    log::error("net.posted_function_failed", {{"what", e.what()}});
  }
}
}  // namespace

Loop::Impl::Impl() : wheel(system_clock().steady()) {
  // OpenSSL writes without MSG_NOSIGNAL; a peer that went away is an error code, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  epoll_fd = checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  wake_fd = checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;  // edge-triggered: each write wakes once, and nobody has to read
  event.data.ptr = nullptr;
  checked(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &event), "epoll_ctl");
}

Loop::Impl::~Impl() {
  ::close(wake_fd);
  ::close(epoll_fd);
}

void Loop::Impl::wake_up() {
  if (!std::exchange(sleeping, false)) return;  // it looks at the queue before it sleeps
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(wake_fd, &one, sizeof one);
}

void Loop::Impl::enqueue(std::coroutine_handle<> handle, std::function<void()> fn) {
  const std::lock_guard lock(mutex);
  posted.push_back(Posted{handle, std::move(fn)});
  wake_up();
}

void Loop::Impl::request_cancel(Descriptor* descriptor) {
  const std::lock_guard lock(mutex);
  cancels.push_back(descriptor);
  wake_up();
}

void Loop::Impl::add(Descriptor& descriptor) {
  descriptor.next_ = descriptors;
  if (descriptors != nullptr) descriptors->previous_ = &descriptor;
  descriptors = &descriptor;
}

void Loop::Impl::remove(Descriptor& descriptor) {
  if (descriptor.cancelled()) {
    const std::lock_guard lock(mutex);
    std::erase(cancels, &descriptor);
  }
  (descriptor.previous_ != nullptr ? descriptor.previous_->next_ : descriptors) = descriptor.next_;
  if (descriptor.next_ != nullptr) descriptor.next_->previous_ = descriptor.previous_;
}

int Loop::Impl::wait_time() const {
  SteadyTime next = wheel.next_tick();
  if (!sleepers.empty()) next = std::min(next, sleepers.begin()->first);
  if (log_due) next = std::min(next, *log_due);
  const auto left = std::chrono::ceil<milliseconds>(next - system_clock().steady());
  return static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1000));
}

// All events are noted before anybody is resumed, as a resumed coroutine may destroy any descriptor but those
// that somebody waits on.
void Loop::Impl::wait_events() {
  std::array<epoll_event, kEventsAtOnce> events;
  bool sleep_now = false;
  {
    const std::lock_guard lock(mutex);
    sleep_now = posted.empty() && cancels.empty() && !stopping_requested;
    sleeping = sleep_now;
  }
  const int count = epoll_wait(epoll_fd, events.data(), kEventsAtOnce, sleep_now ? wait_time() : 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    if (event.data.ptr != nullptr) static_cast<Descriptor*>(event.data.ptr)->on_events(event.events, resume);
  }
  const std::lock_guard lock(mutex);
  sleeping = false;
  for (Descriptor* descriptor : cancels) descriptor->wake(resume);
  cancels.clear();
  running.swap(posted);
  stopping = stopping_requested;
}

void Loop::Impl::run_resumed() {
  for (size_t i = 0; i < resume.size(); ++i) resume[i].resume();
  resume.clear();
}

bool Loop::Impl::run_posted() {
  const bool any = !running.empty();
  for (Posted& item : running) {
    if (item.handle) {
      item.handle.resume();
    } else {
      call_guarded(item.fn);
    }
  }
  running.clear();
  return any;
}

void Loop::Impl::run_timers(SteadyTime now) {
  while (!sleepers.empty() && sleepers.begin()->first <= now) {
    resume.push_back(sleepers.begin()->second->handle);
    sleepers.erase(sleepers.begin());
  }
  if (now >= wheel.next_tick()) {
    wheel.advance(now, [this](TimerWheel::Node& node) {
      auto& descriptor = static_cast<Descriptor&>(node);
      descriptor.expired_ = true;
      descriptor.wake(resume);
    });
  }
}

// Log lines are written together, a little later.
void Loop::Impl::tend_log(SteadyTime now) {
  if (!log::waiting()) {
    log_due.reset();
  } else if (!log_due) {
    log_due = now + kLogDelay;
  } else if (now >= *log_due) {
    log::flush();
    log_due.reset();
  }
}

void Loop::Impl::turn() {
  wait_events();
  const SteadyTime now = system_clock().steady();
  run_timers(now);
  run_resumed();
  run_posted();
  tend_log(now);
}

void Loop::Impl::finish() {
  for (bool active = true; active;) {
    for (Descriptor* descriptor = descriptors; descriptor != nullptr; descriptor = descriptor->next_) {
      descriptor->wake(resume);
    }
    for (const auto& [when, sleeper] : sleepers) resume.push_back(sleeper->handle);
    sleepers.clear();
    active = !resume.empty();
    run_resumed();
    {
      const std::lock_guard lock(mutex);
      cancels.clear();
      running.swap(posted);
    }
    active = run_posted() || active;
  }
  log::flush();
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() {
  forget_signals(*this);
}

void Loop::run() {
  Executor* const before = Executor::current();
  set_current(this);
  while (!impl_->stopping) impl_->turn();
  impl_->finish();
  set_current(before);
}

void Loop::stop() {
  const std::lock_guard lock(impl_->mutex);
  impl_->stopping_requested = true;
  impl_->wake_up();
}

void Loop::post(std::coroutine_handle<> handle) {
  impl_->enqueue(handle, nullptr);
}
void Loop::post(std::function<void()> fn) {
  impl_->enqueue(nullptr, std::move(fn));
}

Task<Result<void>> Loop::sleep(milliseconds delay) {
  SleepAwaiter awaiter{*impl_, system_clock().steady() + delay};
  const Result<void> slept = co_await awaiter;
  co_return slept;
}

void Loop::on_signal(std::initializer_list<int> signals, std::function<void(int)> fn) {
  for (const int signal : signals) watch_signal(*this, signal, fn);
}

Loop& this_loop() {
  auto* const loop = dynamic_cast<Loop*>(Executor::current());
  if (loop == nullptr) throw std::logic_error("no event loop runs on this thread");
  return *loop;
}

}  // namespace posthouse::net
