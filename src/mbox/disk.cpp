#include "mbox/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/ascii.h"

namespace posthouse::mbox {

namespace {

template <class Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Result<void> checked(int result, const char* what) {
  if (result < 0) return disk_fault(what, errno);
  return {};
}

}  // namespace

std::unexpected<Fault> disk_fault(const std::string& what, int error) {
  FaultKind kind = FaultKind::io;
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      kind = FaultKind::no_space;
      break;
    case ENOENT:
    case ENOTDIR:
      kind = FaultKind::not_found;
      break;
    case EEXIST:
    case ENOTEMPTY:
      kind = FaultKind::exists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
    case ELOOP:
      kind = FaultKind::policy;
      break;
    default:
      break;
  }
  if (error == ELOOP) return fail(kind, what + ": it is a symbolic link, and such are not followed");
  return fail(kind, what + ": " + std::strerror(error));
}

Result<int> Disk::open(const std::string& path, int flags, mode_t mode) {
  const int fd =
      retried([&] { return ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, mode); });
  if (fd < 0) return disk_fault(path, errno);
  return fd;
}

Result<void> Disk::write(int fd, uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n =
        retried([&] { return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n < 0) return disk_fault("write", errno);
    if (n == 0) return disk_fault("write", ENOSPC);
    offset += static_cast<uint64_t>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Result<void> Disk::resize(int fd, uint64_t size) {
  return checked(retried([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }), "resize");
}

Result<void> Disk::reserve(int fd, uint64_t from, uint64_t size) {
  if (size <= from) return {};
  const int result = retried([&] {
    return ::fallocate(fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), static_cast<off_t>(size - from));
  });
  if (result < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) return {};
  return checked(result, "reserve");
}

Result<void> Disk::sync(int fd) {
  return checked(retried([&] { return ::fsync(fd); }), "sync");
}

Result<void> Disk::sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const Handle handle(retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!handle) return disk_fault(folder, errno);
  return sync(handle.get());
}

Result<void> Disk::remove(const std::string& path) {
  if (::unlink(path.c_str()) < 0) return disk_fault(path, errno);
  return {};
}

Result<void> Disk::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) < 0) return disk_fault(from, errno);
  return {};
}

Result<std::string> Disk::read(int fd, uint64_t offset, size_t length) {
  std::string bytes(length, '\0');
  size_t done = 0;
  while (done < length) {
    const ssize_t n = retried(
        [&] { return ::pread(fd, bytes.data() + done, length - done, static_cast<off_t>(offset + done)); });
    if (n < 0) return disk_fault("read", errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

std::string Disk::boot_id() {
  static const std::string id = [] {
    const Handle handle(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
    const auto text = handle ? system_disk().read(handle.get(), 0, 64) : Result<std::string>(std::string());
    return text ? std::string(trim(*text)) : std::string();
  }();
  return id;
}

Disk& system_disk() {
  static Disk disk;
  return disk;
}

Handle& Handle::operator=(Handle&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Handle::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<struct ::stat> check_regular(int fd, const std::string& path) {
  struct ::stat info = {};
  if (::fstat(fd, &info) < 0) return disk_fault(path, errno);
  if (!S_ISREG(info.st_mode)) return fail(FaultKind::policy, path + ": not a regular file");
  if (info.st_nlink > 1) return fail(FaultKind::policy, path + ": it has a second name (a hard link)");
  return info;
}

}  // namespace posthouse::mbox
