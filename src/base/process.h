// Other processes of this machine.
#pragma once

#include <sys/types.h>

namespace posthouse {

// Whether no process has this number, as lock files name it. True also for numbers that no process can have.
// Holds for processes of other users, and in a confined server.
bool is_gone(pid_t process);

}  // namespace posthouse
