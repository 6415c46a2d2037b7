#include <sysexits.h>

#include <cstdio>

#include "app/actions/actions.h"
#include "app/config/load.h"
#include "app/config/reference.h"
#include "app/server/protocols.h"

namespace posthouse::app::actions {

int config(const Invocation& in) {
  if (in.command == "config reference") {
    fmt::print("{}", config_reference());
    return EX_OK;
  }
  if (in.command == "config check") {
    Loaded loaded = load_config(in.file);
    for (const ConfigProblem& problem : loaded.problems) print_problem(problem);
    if (!loaded.problems.empty()) return EX_CONFIG;
    if (auto fit = check_certificates(loaded.config); !fit) {
      print_problem(loaded.problem_with("tls.certificates", fit.error().what));
      return EX_CONFIG;
    }
    fmt::print("{}: good\n", in.file);
    return EX_OK;
  }
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  fmt::print("{}", config_as_toml(*loaded, in.comments));
  return EX_OK;
}

}  // namespace posthouse::app::actions
