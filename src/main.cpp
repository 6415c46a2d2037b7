#include <sysexits.h>

#include <cstdio>
#include <exception>

#include "app/actions/actions.h"
#include "app/cli/invocation.h"

int main(int argc, char** argv) {
  try {
    posthouse::app::Parsed parsed = posthouse::app::parse_command_line(argc, argv);
    if (!parsed.invocation) return parsed.status;
    return posthouse::app::run(*parsed.invocation);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "posthouse: %s\n", error.what());
    return EX_SOFTWARE;
  }
}
