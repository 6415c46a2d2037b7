#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <string>

#include "base/ascii.h"

namespace posthouse {

// Signal 0 to its first thread, as kill() is not for a confined server, which would take everybody for alive.
bool is_gone(pid_t process) {
  return process <= 0 || (::tgkill(process, process, 0) != 0 && errno == ESRCH);
}

SystemTime machine_started() {
  struct timespec up = {};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  const auto since = std::chrono::seconds(up.tv_sec) + std::chrono::nanoseconds(up.tv_nsec);
  const SystemTime now = system_clock().now() - std::chrono::duration_cast<SystemTime::duration>(since);
  static std::atomic<SystemTime> earliest = now;
  SystemTime known = earliest;
  while (now < known && !earliest.compare_exchange_weak(known, now)) continue;
  return std::min(now, known);
}

// proc(5): the 22nd field of /proc/PID/stat, in ticks since the machine started; the 2nd, in parentheses, may
// hold anything.
std::optional<SystemTime> started(pid_t process) {
  const int fd = ::open(("/proc/" + std::to_string(process) + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char text[1024];
  const ssize_t got = ::read(fd, text, sizeof text);
  ::close(fd);
  if (got <= 0) return std::nullopt;
  std::string_view rest(text, static_cast<size_t>(got));
  const size_t name_end = rest.rfind(')');
  if (name_end == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(space + 1);
  }
  const auto ticks = parse_uint(rest.substr(0, rest.find(' ')));
  if (!ticks) return std::nullopt;
  const auto a_second = static_cast<uint64_t>(::sysconf(_SC_CLK_TCK));
  return machine_started() + std::chrono::milliseconds(*ticks * 1000 / a_second);
}

namespace {

constexpr std::chrono::milliseconds kClockSlack(100);  // times of files are coarser than the clock

}  // namespace

SystemTime own_start() {
  static const SystemTime then = started(::getpid()).value_or(system_clock().now());
  return then;
}

bool has_lost_its_owner(pid_t process, SystemTime made) {
  if (made + kClockSlack < machine_started()) return true;
  if (process <= 0) return false;
  if (process == ::getpid()) return made + kClockSlack < own_start();
  if (is_gone(process)) return true;
  const auto start = started(process);
  return start && made + kClockSlack < *start;
}

}  // namespace posthouse
