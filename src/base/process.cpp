#include "base/process.h"

#include <signal.h>

#include <cerrno>

namespace posthouse {

// Signal 0 to its first thread, as kill() is not for a confined server, which would take everybody for alive.
bool is_gone(pid_t process) {
  return process <= 0 || (::tgkill(process, process, 0) != 0 && errno == ESRCH);
}

}  // namespace posthouse
