#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"

namespace posthouse::app::actions {

namespace json = boost::json;

int alias(const Invocation& in) {
  std::string verb = "alias." + in.command.substr(in.command.find(' ') + 1);
  json::object arguments;
  if (!in.name.empty()) arguments["address"] = in.name;
  if (!in.domain.empty()) arguments["domain"] = in.domain;
  json::array targets;
  for (const std::string& target : in.targets) targets.emplace_back(target);
  if (!targets.empty()) arguments["targets"] = std::move(targets);
  int status = EX_OK;
  auto answer = ask(in, verb, std::move(arguments), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else if (answer->is_array()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : answer->as_array()) {
      rows.push_back({cell(item.as_object(), "address"), cell(item.as_object(), "targets")});
    }
    print_table({"ALIAS", "TARGETS"}, rows);
  } else {
    print_object(answer->as_object());
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
