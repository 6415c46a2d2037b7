#include "app/cli/output.h"

#include <cerrno>
#include <cstdio>

namespace posthouse::app {
namespace {

int first_error = 0;

}  // namespace

bool flush_output() {
  errno = 0;
  if (std::fflush(stdout) != 0) note_output_error(errno);
  return std::ferror(stdout) == 0;
}

void note_output_error(int error) {
  if (first_error == 0) first_error = error;
}

int output_error() {
  return first_error;
}

}  // namespace posthouse::app
