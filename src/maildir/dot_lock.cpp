#include "maildir/dot_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/ascii.h"
#include "maildir/file.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

uint64_t inode_of(const std::string& path) {
  struct stat facts{};
  return ::lstat(path.c_str(), &facts) == 0 ? facts.st_ino : 0;
}

// Has its holder ended, or been silent for too long?
bool is_stale(const std::string& path, const struct stat& facts, const Clock& clock) {
  const auto age = clock.now() - SystemTime(milliseconds(nanoseconds_of(facts.st_mtim) / 1'000'000));
  if (age > kLockStale) return true;
  const Result<std::optional<std::string>> text = read_small(path, kMaxLockFile);
  if (!text || !*text) return false;
  const size_t colon = (*text)->find(':');
  if (colon == std::string::npos || trim(std::string_view(**text).substr(colon + 1)) != host_name())
    return false;
  const std::optional<uint64_t> pid = parse_uint(std::string_view(**text).substr(0, colon));
  return pid && *pid > 0 && *pid < INT32_MAX &&
         ::tgkill(static_cast<pid_t>(*pid), static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH;
}

// Takes a stale lock away, but not one that somebody has made in its place by now. True if it went.
bool break_stale_lock(const std::string& path, const Clock& clock) {
  const Result<File> file = open_file_in(AT_FDCWD, path);  // kept open: its inode's number is not used again
  struct stat facts{};
  if (!file || ::fstat(file->fd(), &facts) != 0 || !is_stale(path, facts, clock)) return false;
  const std::string aside = fmt::format("{}.{}.{}", path, ::getpid(), facts.st_ino);
  if (inode_of(path) != facts.st_ino || ::rename(path.c_str(), aside.c_str()) != 0) return false;
  const bool right = inode_of(aside) == facts.st_ino;
  // The wrong one goes back, unless somebody has made yet another.
  if (!right && ::link(aside.c_str(), path.c_str()) != 0 && errno != EEXIST) return false;
  ::unlink(aside.c_str());
  return right;
}

}  // namespace

Result<DotLock> DotLock::take(const std::string& file, const Clock& clock, milliseconds patience) {
  const std::string path = file + ".lock";
  const SteadyTime end = clock.steady() + patience;
  for (;;) {
    Result<File> made = create_file_in(AT_FDCWD, path);
    if (made) {
      struct stat facts{};
      if (::fstat(made->fd(), &facts) != 0) return os_fault("stat", path);
      DotLock lock(path, std::move(*made), facts.st_ino);
      const Result<void> written =
          write_all(lock.file_.fd(), fmt::format("{}:{}", ::getpid(), host_name()), path);
      if (!written) return std::unexpected(written.error());
      return lock;
    }
    if (made.error().kind != FaultKind::exists) return std::unexpected(made.error());
    if (break_stale_lock(path, clock)) continue;
    if (clock.steady() >= end) return fail(FaultKind::temporary, fmt::format("{} is held by somebody", path));
    const timespec pause{0, 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

bool DotLock::still_ours() const {
  return !path_.empty() && inode_of(path_) == inode_;
}

DotLock::~DotLock() {
  if (still_ours()) ::unlink(path_.c_str());
}

}  // namespace posthouse::maildir
