#include "engine/rocks_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/env.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>

namespace posthouse::engine {

namespace {

// The process that holds the lock on the file, or 0.
pid_t lock_holder(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
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
  const pid_t holder = lock_holder(directory + "/LOCK");
  if (holder > 0) return fmt::format("the store in {} is in use by process {}", directory, holder);
  return fmt::format("the store in {} cannot be locked: {}", directory, status);
}

StoreLock::StoreLock(const std::string& path) {
  if (!rocksdb::Env::Default()->LockFile(path, &lock_).ok()) lock_ = nullptr;
}

StoreLock::~StoreLock() {
  if (lock_ != nullptr) static_cast<void>(rocksdb::Env::Default()->UnlockFile(lock_));
}

}  // namespace posthouse::engine
