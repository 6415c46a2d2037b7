#include "maildir/dot_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/ascii.h"
#include "base/process.h"
#include "base/random.h"
#include "maildir/file.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

uint64_t inode_of(int folder, const std::string& name) {
  struct stat facts{};
  return ::fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 ? facts.st_ino : 0;
}

// Has its holder ended, or been silent for too long?
bool is_stale(std::string_view text, const struct stat& facts, const Clock& clock) {
  const SystemTime made(milliseconds(milliseconds_of(facts.st_mtim)));
  if (clock.now() - made > kLockStale) return true;
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || trim(text.substr(colon + 1)) != host_name()) return false;
  const std::optional<uint64_t> number = parse_uint(text.substr(0, colon));
  if (!number || *number == 0 || *number > INT32_MAX) return false;
  return maker_of_lock(static_cast<pid_t>(*number), facts) == LockMaker::gone;
}

// It comes with its text: one that a crash left always says whose it is.
Result<File> make_lock(int folder, const std::string& name) {
  const std::string made = fmt::format("{}.{}.{}", name, ::getpid(), system_random().token(10));
  Result<File> file = create_file_in(folder, made);
  if (!file) return file;
  Result<void> done = write_all(file->fd(), fmt::format("{}:{}", ::getpid(), host_name()), made);
  struct stat facts{};
  if (done && ::fstat(file->fd(), &facts) != 0) done = os_fault("stat", made);
  if (done) note_own_lock(facts.st_dev, facts.st_ino);
  if (done && ::linkat(folder, made.c_str(), folder, name.c_str(), 0) != 0) {
    done = os_fault("lock", name);
    forget_own_lock(facts.st_dev, facts.st_ino);
  }
  ::unlinkat(folder, made.c_str(), 0);
  if (!done) return std::unexpected(done.error());
  return file;
}

// Takes a stale lock away, but not one that somebody has made in its place by now. True if it went.
bool break_stale_lock(int folder, const std::string& name, const Clock& clock) {
  const Result<File> file = open_file_in(folder, name);  // kept open: its inode's number is not used again
  struct stat facts{};
  std::array<char, kMaxLockFile> text{};
  if (!file || ::fstat(file->fd(), &facts) != 0) return false;
  const ssize_t size = ::pread(file->fd(), text.data(), text.size(), 0);
  if (size < 0 || !is_stale({text.data(), static_cast<size_t>(size)}, facts, clock)) return false;
  const std::string aside = fmt::format("{}.{}.{}", name, ::getpid(), facts.st_ino);
  if (inode_of(folder, name) != facts.st_ino) return false;
  if (::renameat(folder, name.c_str(), folder, aside.c_str()) != 0) return false;
  const bool right = inode_of(folder, aside) == facts.st_ino;
  // The wrong one goes back, unless somebody has made yet another.
  if (!right && ::linkat(folder, aside.c_str(), folder, name.c_str(), 0) != 0 && errno != EEXIST)
    return false;
  ::unlinkat(folder, aside.c_str(), 0);
  return right;
}

}  // namespace

Result<DotLock> DotLock::take(int folder, const std::string& file, const Clock& clock,
                              milliseconds patience) {
  const std::string name = file + ".lock";
  const SteadyTime end = clock.steady() + patience;
  for (;;) {
    Result<File> made = make_lock(folder, name);
    if (made) {
      Result<File> own = open_folder_in(folder, ".");
      struct stat facts{};
      if (!own || ::fstat(made->fd(), &facts) != 0) {
        auto fault = os_fault("stat", name);
        ::unlinkat(folder, name.c_str(), 0);
        if (::fstat(made->fd(), &facts) == 0) forget_own_lock(facts.st_dev, facts.st_ino);
        return fault;
      }
      return DotLock(std::move(*own), name, std::move(*made), facts.st_dev, facts.st_ino);
    }
    if (made.error().kind != FaultKind::exists) return std::unexpected(made.error());
    if (break_stale_lock(folder, name, clock)) continue;
    if (clock.steady() >= end) return fail(FaultKind::temporary, fmt::format("{} is held by somebody", name));
    const timespec pause{0, 10'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

bool DotLock::still_ours() const {
  return folder_ && inode_of(folder_.fd(), name_) == inode_;
}

DotLock::~DotLock() {
  if (!folder_) return;
  if (still_ours()) ::unlinkat(folder_.fd(), name_.c_str(), 0);
  forget_own_lock(device_, inode_);
}

}  // namespace posthouse::maildir
