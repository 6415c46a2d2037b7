// The process that watches over the worker: it holds the listening sockets, starts the worker, starts it
// again when it crashes, and passes signals on. It never touches a connection.
#pragma once

#include <functional>

#include "base/clock.h"

namespace posthouse::app {

// Runs in the worker process; gets the descriptor to write a byte to once it serves, and another each time
// that what the next worker should be started with has changed; gives the exit status.
using Worker = std::function<int(int ready_fd)>;

struct SupervisorOptions {
  // Reads again what workers are started with: at each SIGHUP, and before a start that follows one that
  // failed. False: nothing was taken over.
  std::function<bool()> reload = [] { return true; };
  // At each byte of the worker: what it serves with is good, and may be kept for the next.
  std::function<void()> keep = [] {};
  seconds stop_timeout{15};  // after SIGTERM was passed on, then SIGKILL
};

// Serves until SIGTERM or SIGINT; SIGHUP is passed on when
// options.reload() took something over. A worker that ends before it ever served ends this
// too, with its exit status: then nothing would get better by trying again. Call while the process has one
// thread only.
int supervise(const Worker& worker, const SupervisorOptions& options, const Clock& clock);

}  // namespace posthouse::app
