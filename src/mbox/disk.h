// The operations by which files are changed, so that tests can stop, fail or forget any of them. Retries when
// a signal interrupts, writes all or fails. Errors name the path.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::mbox {

class Disk {
 public:
  virtual ~Disk() = default;

  // O_CLOEXEC and O_NOFOLLOW are added.
  virtual Result<int> open(const std::string& path, int flags, mode_t mode);
  virtual Result<void> write(int fd, uint64_t offset, std::string_view bytes);
  virtual Result<void> resize(int fd, uint64_t size);
  // Room for octets up to `size` without changing the file's size; a file system that can't do so is no
  // failure.
  virtual Result<void> reserve(int fd, uint64_t from, uint64_t size);
  virtual Result<void> sync(int fd);
  virtual Result<void> sync_folder_of(const std::string& path);
  virtual Result<void> remove(const std::string& path);
  virtual Result<void> rename(const std::string& from, const std::string& to);

  // Up to `length` octets; fewer only at the end of the file.
  virtual Result<std::string> read(int fd, uint64_t offset, size_t length);
  // Names this run of the machine: what was written but not flushed is there as long as it is the same.
  virtual std::string boot_id();
};

// Lives as long as the program.
Disk& system_disk();

// The failure that errno names: no_space, not_found, exists, policy or io.
std::unexpected<Fault> disk_fault(const std::string& what, int error);

// An open file, closed at the end.
class Handle {
 public:
  Handle() = default;
  explicit Handle(int fd) : fd_(fd) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Handle& operator=(Handle&& other) noexcept;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// What is open must be a regular file with one name: in a spool others could have put a link there.
Result<struct ::stat> check_regular(int fd, const std::string& path);

}  // namespace posthouse::mbox
