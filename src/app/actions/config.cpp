#include <sysexits.h>

#include <cstdio>

#include "app/actions/actions.h"
#include "app/config/load.h"
#include "app/config/reference.h"
#include "app/preflight/preflight.h"

namespace posthouse::app::actions {

int config(const Invocation& in) {
  if (in.command == "config reference") {
    fmt::print("{}", config_reference());
    return EX_OK;
  }
  if (in.command == "config check") {
    Loaded loaded = load_config(in.file);
    if (loaded.problems.empty()) {
      check_surroundings(loaded);
      check_user(loaded);
      check_addresses(loaded);
      sort_problems(loaded);
    }
    if (!loaded.problems.empty()) return tell(loaded);
    fmt::print("{}: good\n", in.file);
    return EX_OK;
  }
  auto loaded = load(in);
  if (!loaded) return EX_CONFIG;
  fmt::print("{}", config_as_toml(loaded->config, in.comments));
  return EX_OK;
}

}  // namespace posthouse::app::actions
