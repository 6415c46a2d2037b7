#include "app/version.h"

#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"

namespace posthouse::app::actions {

int version(const Invocation& in) {
  if (in.json) {
    boost::json::object out;
    out["version"] = kVersion;
    print_json(out);
  } else {
    fmt::print("posthouse {}\n", kVersion);
  }
  return EX_OK;
}

int status(const Invocation& in) {
  int status = EX_OK;
  boost::json::object none;
  auto answer = ask(in, "status", std::move(none), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else {
    print_object(answer->as_object());
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
