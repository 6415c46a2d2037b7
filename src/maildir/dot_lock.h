// A lock as a file FILE.lock, with which Dovecot and others keep each other from changing FILE.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace posthouse::maildir {

// Holds the lock until it is destroyed. The file says who holds it ("PID:HOST"); that of a process that has
// ended, or of two minutes ago, is taken away. Waits (blocks) for others: temporary when they don't let go.
class DotLock {
 public:
  static Result<DotLock> take(const std::string& file, const Clock& clock, milliseconds patience);
  ~DotLock();
  DotLock(DotLock&& other) noexcept : path_(std::move(other.path_)), inode_(other.inode_) {
    other.path_.clear();
  }
  DotLock& operator=(DotLock&&) = delete;

  // Nobody took it away meanwhile, thinking that we were dead.
  bool still_ours() const;

 private:
  DotLock(std::string path, uint64_t inode) : path_(std::move(path)), inode_(inode) {}
  std::string path_;  // empty: released
  uint64_t inode_;
};

}  // namespace posthouse::maildir
