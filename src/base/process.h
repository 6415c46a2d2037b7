// Other processes of this machine.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <optional>

#include "base/clock.h"

namespace posthouse {

// Whether no process has this number, as lock files name it. True also for numbers that no process can have.
// Holds for processes of other users, and in a confined server.
bool is_gone(pid_t process);

// When the machine, or a process, was started, by the clock on the wall; the earliest it may have been when
// the clock was set meanwhile. Nothing when it can't be known: there is no such process, or a confined server
// may not see it. Thread-safe.
SystemTime machine_started();
std::optional<SystemTime> started(pid_t process);

// Lock files that this process made and has not taken away. By these it tells its own from those of an
// earlier process with its number, whatever the clock did in between. Thread-safe.
void note_own_lock(dev_t device, ino_t inode);  // before the lock is there
void forget_own_lock(dev_t device, ino_t inode);

// What can be said of the process that a lock file names as its maker.
enum class LockMaker {
  gone,     // for certain: no process has that number, or we have it and did not make the lock
  unknown,  // the file names nobody (0), or a process that seems to have been started after `made`. Numbers
            // come again; but a clock that was set forward in between makes the maker itself look like that
  here,
};
LockMaker maker_of_lock(pid_t process, const struct ::stat& lock);

}  // namespace posthouse
