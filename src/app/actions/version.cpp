#include "app/version.h"

#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"

namespace posthouse::app::actions {
namespace {

// A size as people read it: "12.3 GiB".
std::string size_for_people(uint64_t bytes) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto amount = static_cast<double>(bytes);
  size_t unit = 0;
  for (; amount >= 1024 && unit + 1 < std::size(kUnits); ++unit) amount /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

void print_status(const boost::json::object& status) {
  const boost::json::object& queue = status.at("queue").as_object();
  print_table({"WHAT", "NOW"},
              {{"Version", cell(status, "version")},
               {"Letters in the queue", cell(queue, "letters")},
               {"  waiting", cell(queue, "waiting")},
               {"  held", cell(queue, "held")},
               {"Records set aside", cell(queue, "set_aside")},
               {"Free for letters", size_for_people(status.at("free_bytes").to_number<uint64_t>())}});
}

}  // namespace

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
    print_status(answer->as_object());
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
