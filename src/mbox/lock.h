// Locks as Debian policy section 11.6 asks of everything that touches a mailbox: fcntl first, then PATH.lock
// made in a way that is safe over NFS, stale locks found as liblockfile finds them.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mbox/disk.h"
#include "mbox/waiters.h"

namespace posthouse::mbox {

enum class Dotlock {
  required,      // no PATH.lock, no change
  if_permitted,  // none where the folder may not be written (others then can't make one either, unless they
                 // have more rights: mail tools that are setgid mail)
  never,
};

// The file that becomes PATH.lock by link(), kept for the next lock of the same mailbox: making one takes
// long where the file system leaves the inodes of files alone that were removed lately (ext4 without a
// journal, for minutes). Thread-safe. Its end removes the file.
class SpareLock {
 public:
  struct Candidate {
    std::string name;
    struct ::stat info = {};
  };
  SpareLock() = default;
  ~SpareLock();
  SpareLock(const SpareLock&) = delete;
  SpareLock& operator=(const SpareLock&) = delete;

  // With the time of now. Nothing: there is none, somebody has it, or it is not what it was.
  std::optional<Candidate> take();
  void keep(Candidate candidate);

 private:
  std::mutex mutex_;
  std::optional<Candidate> candidate_;
};

struct LockOptions {
  Dotlock dotlock = Dotlock::required;
  milliseconds patience = std::chrono::seconds(30);
  Waiters* waiters = nullptr;  // none: everybody may wait so long
  const Clock* clock = &system_clock();
  std::shared_ptr<SpareLock> spare;  // of this mailbox; none: each lock is a file of its own
};

// fcntl's lock on the open file. Belongs to this opening of the file, not to the process (F_OFD_SETLK), so
// that two threads exclude each other as well, and goes away with it. Fails with temporary when the time is
// over.
Result<void> lock_file(int fd, bool exclusive, SteadyTime until, const LockOptions& options,
                       const std::string& path);

// PATH.lock while it lives.
class DotlockFile {
 public:
  // One attempt; fails with temporary when somebody else has it.
  static Result<DotlockFile> make(const std::string& path, const LockOptions& options);
  // As many as it takes, until the patience ends.
  static Result<DotlockFile> wait(const std::string& path, const LockOptions& options);
  ~DotlockFile();
  DotlockFile(DotlockFile&& other) noexcept;
  DotlockFile& operator=(DotlockFile&& other) noexcept;
  // Long work shows that it still goes on: others judge locks by their age.
  void touch();

 private:
  DotlockFile(std::string name, dev_t device, ino_t inode)
      : name_(std::move(name)), device_(device), inode_(inode) {}
  // What it was made of goes back there.
  void return_to(std::shared_ptr<SpareLock> spare, SpareLock::Candidate candidate);
  void release();

  std::string name_;  // empty: none
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::shared_ptr<SpareLock> spare_;
  SpareLock::Candidate candidate_;  // if there is a spare_
};

// Both locks. Who has the first and not the second lets go of it while waiting: programs that take them in
// the other order (procmail) would wait for us for ever.
Result<DotlockFile> lock_for_writing(int fd, SteadyTime until, const LockOptions& options,
                                     const std::string& path);

}  // namespace posthouse::mbox
