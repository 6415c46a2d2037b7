#include <sysexits.h>

#include <iostream>

#include "app/cli/definition.h"
#include "app/cli/mistake.h"

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
    std::string what = unknown_word(*app, argc, argv);
    if (what.empty()) what = mistake.what();
    std::cerr << "posthouse: " << what << "\nRun with --help for more information.\n";
    out.status = EX_USAGE;
  }
  return out;
}

}  // namespace posthouse::app
