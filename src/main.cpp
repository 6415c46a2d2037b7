#include <malloc.h>
#include <sysexits.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <system_error>

#include "app/actions/actions.h"
#include "app/cli/invocation.h"
#include "app/cli/output.h"
#include "app/privileges/descriptors.h"

namespace {

// A large piece of memory (checking a password takes 19 MiB) goes back to the system when it is not used any
// more. After the first of them glibc would begin to keep such pieces, some for each thread.
void give_large_memory_back() {
  constexpr int kLarge = 16 << 20;
  mallopt(M_MMAP_THRESHOLD, kLarge);
  mallopt(M_TRIM_THRESHOLD, 2 * kLarge);
}

int run(int argc, char** argv) {
  try {
    posthouse::app::Parsed parsed = posthouse::app::parse_command_line(argc, argv);
    if (!parsed.invocation) return parsed.status;
    return posthouse::app::run(*parsed.invocation);
  } catch (const std::system_error& error) {
    if (std::ferror(stdout) == 0) std::fprintf(stderr, "posthouse: %s\n", error.what());
    if (std::ferror(stdout) != 0) posthouse::app::note_output_error(error.code().value());
    return EX_SOFTWARE;
  } catch (const std::exception& error) {
    if (std::ferror(stdout) == 0) std::fprintf(stderr, "posthouse: %s\n", error.what());
    return EX_SOFTWARE;
  }
}

}  // namespace

int main(int argc, char** argv) {
  give_large_memory_back();
  posthouse::app::fill_standard_descriptors();
  int status = run(argc, argv);
  // Who asked and did not get the answer must not think that all went well.
  if (posthouse::app::flush_output()) return status;
  const int error = posthouse::app::output_error();
  std::fprintf(stderr, "posthouse: standard output: %s\n",
               error != 0 ? std::strerror(error) : "not all was written");
  return status == EX_OK || status == EX_SOFTWARE ? EX_IOERR : status;
}
