#include "engine/rocks_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/env.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace posthouse::engine {

namespace {

// The process that holds the lock on the file, or 0.
pid_t lock_holder(const std::string& path, int mode) {
  const int fd = ::open(path.c_str(), mode | O_CLOEXEC);
  if (fd < 0) return 0;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const int rc = ::fcntl(fd, F_GETLK, &lock);
  ::close(fd);
  return rc == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

}  // namespace

std::string describe_lock(const std::string& directory, std::string_view status) {
  // Opening and closing the file would release our own lock, so don't look when it is ours.
  if (status.find("current process") != std::string_view::npos) {
    return fmt::format("the store in {} is open in this process already", directory);
  }
  const pid_t holder = lock_holder(directory + "/LOCK", O_RDONLY);
  if (holder > 0) return fmt::format("the store in {} is in use by process {}", directory, holder);
  return fmt::format("the store in {} cannot be locked: {}", directory, status);
}

Result<void> check_nobody_has_it(const std::string& directory) {
  const std::string path = directory + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  const int error = errno;
  if (fd >= 0) {
    ::close(fd);
    return fail(FaultKind::temporary, describe_lock(directory, "it is locked") + ": stop the server first");
  }
  const bool unwritable = error == EACCES || error == EPERM || error == EROFS;
  if (unwritable && lock_holder(path, O_RDONLY) > 0)
    return fail(FaultKind::temporary, describe_lock(directory, "") + ": stop the server first");
  if (unwritable && ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) == 0) return {};
  return fail(FaultKind::io, describe_lock(directory, std::strerror(error)));
}

StoreLock::StoreLock(const std::string& path) {
  if (!rocksdb::Env::Default()->LockFile(path, &lock_).ok()) lock_ = nullptr;
}

StoreLock::~StoreLock() {
  if (lock_ != nullptr) static_cast<void>(rocksdb::Env::Default()->UnlockFile(lock_));
}

}  // namespace posthouse::engine
