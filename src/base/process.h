// Other processes of this machine.
#pragma once

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

// When this process was started; where that can't be known, when it first asked: before it makes a lock.
SystemTime own_start();

// Whether the process that made a lock file is gone for certain. Numbers of processes come again, after a
// restart of the machine or of a container very soon: one that started after `made` did not make it. Process
// 0: the file does not say.
bool has_lost_its_owner(pid_t process, SystemTime made);

}  // namespace posthouse
