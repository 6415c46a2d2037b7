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

}  // namespace posthouse
