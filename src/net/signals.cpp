#include "net/signals.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <map>
#include <mutex>
#include <string>
#include <system_error>

#include "base/log.h"
#include "net/descriptor.h"
#include "net/loop.h"

namespace posthouse::net {

namespace {
constexpr int kMaxSignal = 64;

// All a signal handler may do is write to a pipe: one for each signal, read on the loop.
std::array<std::atomic<int>, kMaxSignal + 1> pipe_of_signal{};  // descriptor + 1; 0: none

void on_signal_arrived(int signal) {
  const int saved = errno;
  const int pipe = pipe_of_signal[static_cast<size_t>(signal)].load(std::memory_order_relaxed) - 1;
  const char byte = 0;
  if (pipe >= 0) [[maybe_unused]]
    const ssize_t written = ::write(pipe, &byte, 1);
  errno = saved;
}

struct Watch {
  const Loop* loop;
  int write_end;
};

std::mutex watches_mutex;
std::map<int, Watch>& watches() {
  static auto* const all = new std::map<int, Watch>;
  return *all;
}

// What is called may fail; the next signal is heard all the same.
void call(const std::function<void(int)>& fn, int signal) {
  try {
    fn(signal);
  } catch (const std::exception& e) {
    log::error("net.signal_handler_failed", {{"signal", signal}, {"what", e.what()}});
  }
}

// However many came, they are one call: a storm of them must not keep the loop from its sessions.
Task<void> read_signals(Loop& loop, int fd, int signal, std::function<void(int)> fn) {
  Descriptor pipe(loop, fd);
  for (;;) {
    Descriptor::Awaiter waiting = pipe.wait_readable();
    const Result<void> ready = co_await waiting;
    if (!ready) co_return;
    char bytes[4096];
    ssize_t n = 0;
    bool any = false;
    while ((n = ::read(fd, bytes, sizeof bytes)) > 0) any = true;
    if (n == 0 || errno != EAGAIN) co_return;  // another loop took the signal over
    pipe.drained();
    if (any) call(fn, signal);
  }
}

void drop(std::map<int, Watch>::iterator watch) {
  pipe_of_signal[static_cast<size_t>(watch->first)] = 0;
  ::close(watch->second.write_end);
  watches().erase(watch);
}
}  // namespace

void watch_signal(Loop& loop, int signal, std::function<void(int)> fn) {
  int ends[2];
  if (signal < 1 || signal > kMaxSignal || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "signal " + std::to_string(signal));
  }
  {
    const std::lock_guard lock(watches_mutex);
    if (const auto old = watches().find(signal); old != watches().end()) drop(old);
    watches()[signal] = Watch{&loop, ends[1]};
    pipe_of_signal[static_cast<size_t>(signal)] = ends[1] + 1;
  }
  struct sigaction action{};
  action.sa_handler = on_signal_arrived;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
  loop.post([&loop, fd = ends[0], signal, fn = std::move(fn)] { spawn(read_signals(loop, fd, signal, fn)); });
}

void forget_signals(const Loop& loop) {
  const std::lock_guard lock(watches_mutex);
  for (auto watch = watches().begin(); watch != watches().end();) {
    const auto here = watch++;
    if (here->second.loop != &loop) continue;
    std::signal(here->first, SIG_DFL);
    drop(here);
  }
}

}  // namespace posthouse::net
