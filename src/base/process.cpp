#include "base/process.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <mutex>
#include <set>
#include <string>

#include "base/ascii.h"

namespace posthouse {

// Signal 0 to its first thread, as kill() is not for a confined server, which would take everybody for alive.
bool is_gone(pid_t process) {
  return process <= 0 || (::tgkill(process, process, 0) != 0 && errno == ESRCH);
}

SystemTime machine_started() {
  // In this order: who is kept from running in between takes it for earlier, not for later.
  const SystemTime wall = system_clock().now();
  struct timespec up = {};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  const auto since = std::chrono::seconds(up.tv_sec) + std::chrono::nanoseconds(up.tv_nsec);
  const SystemTime now = wall - std::chrono::duration_cast<SystemTime::duration>(since);
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

// Times of files are coarser than the clock, and clocks are corrected a little all the time.
constexpr std::chrono::seconds kClockSlack(2);

struct OwnLocks {
  std::mutex mutex;
  std::multiset<std::pair<dev_t, ino_t>> files;
};

OwnLocks& own_locks() {
  static OwnLocks locks;
  return locks;
}

}  // namespace

void note_own_lock(dev_t device, ino_t inode) {
  OwnLocks& own = own_locks();
  const std::lock_guard lock(own.mutex);
  own.files.emplace(device, inode);
}

void forget_own_lock(dev_t device, ino_t inode) {
  OwnLocks& own = own_locks();
  const std::lock_guard lock(own.mutex);
  const auto known = own.files.find({device, inode});
  if (known != own.files.end()) own.files.erase(known);
}

LockMaker maker_of_lock(pid_t process, const struct ::stat& lock) {
  if (process <= 0) return LockMaker::unknown;
  if (process == ::getpid()) {
    OwnLocks& own = own_locks();
    const std::lock_guard guard(own.mutex);
    return own.files.contains({lock.st_dev, lock.st_ino}) ? LockMaker::here : LockMaker::gone;
  }
  if (is_gone(process)) return LockMaker::gone;
  const auto since =
      std::chrono::seconds(lock.st_mtim.tv_sec) + std::chrono::nanoseconds(lock.st_mtim.tv_nsec);
  const SystemTime made(std::chrono::duration_cast<SystemTime::duration>(since));
  const auto start = started(process);
  return start && made + kClockSlack < *start ? LockMaker::unknown : LockMaker::here;
}

}  // namespace posthouse
