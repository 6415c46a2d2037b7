// Confinement of programs that read files of strangers: they have a file to read and a pipe to write to, and
// nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace posthouse::app {

// Landlock for this process and all that it starts: the programs and what the system has for programs may be
// read and started, nothing else may be read, and nothing written. Call while the process has one thread.
// `policy` where the kernel has no Landlock: then no program is to be started, for it could read the store.
Result<void> confine_to_programs(const std::vector<std::string>& programs);

struct ProgramLimits {
  seconds processor{};
  uint64_t memory = 0;  // octets of address space
};

// Turns this process, which confine_to_programs() holds and which has one thread, into the program. It reads
// `input` as its standard input and writes to `output`; what it complains of is lost. No network, no other
// process or thread, no signal to anybody else, no octet into any file: as far as a namespace can be had, and
// by seccomp in any case. Never returns: ends with status 126 where something of that can't be done, with 127
// where the program can't be started.
[[noreturn]] void become_program(const std::string& path, const std::vector<std::string>& arguments,
                                 int input, int output, const ProgramLimits& limits);

}  // namespace posthouse::app
