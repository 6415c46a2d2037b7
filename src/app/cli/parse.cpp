#include <sysexits.h>

#include <iostream>

#include "app/cli/definition.h"

namespace posthouse::app {

Parsed parse_command_line(int argc, const char* const* argv) {
  Parsed out;
  Invocation invocation;
  auto app = define_commands(invocation);
  try {
    app->parse(argc, argv);
    out.invocation = std::move(invocation);
  } catch (const CLI::Success& asked) {  // --help, --version
    out.status = app->exit(asked, std::cout, std::cerr);
  } catch (const CLI::ParseError& mistake) {
    app->exit(mistake, std::cout, std::cerr);
    out.status = EX_USAGE;
  }
  return out;
}

}  // namespace posthouse::app
