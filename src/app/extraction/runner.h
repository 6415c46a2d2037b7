// The process that starts extractors for the server, which may start nothing itself (docs/adr/0007).
#pragma once

#include <vector>

#include "app/extraction/programs.h"

namespace posthouse::app {

// Confines this process, which has one thread, and serves the socket until its other end is closed; then ends
// the process. One program at a time, in a process of its own (app/privileges/program_sandbox.h), for
// limits.time at most. It reads numbers and descriptors from the socket, no path and no argument.
[[noreturn]] void run_extractors(int socket, const std::vector<ExtractorProgram>& programs,
                                 const ExtractionLimits& limits);

}  // namespace posthouse::app
