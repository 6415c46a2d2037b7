// A lock as a file FILE.lock, with which Dovecot and others keep each other from changing FILE.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::maildir {

// Holds the lock until it is destroyed. The file says who holds it ("PID:HOST"); that of a process that has
// ended for certain, or of two minutes ago, is taken away. Waits (blocks) for others: temporary when they
// don't let go.
class DotLock {
 public:
  static Result<DotLock> take(int folder, const std::string& file, const Clock& clock, milliseconds patience);
  ~DotLock();
  DotLock(DotLock&& other) noexcept = default;
  DotLock& operator=(DotLock&&) = delete;

  // Nobody took it away meanwhile, thinking that we were dead.
  bool still_ours() const;

 private:
  DotLock(File folder, std::string name, File file, dev_t device, ino_t inode)
      : folder_(std::move(folder)),
        name_(std::move(name)),
        file_(std::move(file)),
        device_(device),
        inode_(inode) {}
  File folder_;  // none: moved away
  std::string name_;
  File file_;  // while it is open, no other file has its inode's number
  dev_t device_;
  ino_t inode_;
};

}  // namespace posthouse::maildir
