#include <sysexits.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>

#include "app/actions/actions.h"
#include "app/cli/invocation.h"
#include "app/privileges/descriptors.h"

namespace {

int run(int argc, char** argv) {
  try {
    posthouse::app::Parsed parsed = posthouse::app::parse_command_line(argc, argv);
    if (!parsed.invocation) return parsed.status;
    return posthouse::app::run(*parsed.invocation);
  } catch (const std::exception& error) {
    if (std::ferror(stdout) == 0) std::fprintf(stderr, "posthouse: %s\n", error.what());
    return EX_SOFTWARE;
  }
}

}  // namespace

int main(int argc, char** argv) {
  posthouse::app::fill_standard_descriptors();
  int status = run(argc, argv);
  // Who asked and did not get the answer must not think that all went well.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "posthouse: standard output: %s\n",
               errno != 0 ? std::strerror(errno) : "not all was written");
  return status == EX_OK || status == EX_SOFTWARE ? EX_IOERR : status;
}
