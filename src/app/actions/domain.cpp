#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"

namespace posthouse::app::actions {

namespace json = boost::json;

int domain(const Invocation& in) {
  std::string verb = "domain." + in.command.substr(in.command.find(' ') + 1);
  json::object arguments;
  if (!in.name.empty()) arguments["name"] = in.name;
  if (!in.catch_all.empty()) {
    arguments["catch_all"] = in.catch_all == "none" ? json::value(nullptr) : json::value(in.catch_all);
  }
  if (!in.quota.empty()) {
    auto quota = quota_value(in.quota);
    if (!quota) return complain(quota.error());
    arguments["quota_bytes"] = *quota;
  }
  int status = EX_OK;
  auto answer = ask(in, verb, std::move(arguments), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else if (answer->is_array()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& item : answer->as_array()) {
      const json::object& one = item.as_object();
      rows.push_back({cell(one, "name"), cell(one, "catch_all"), cell(one, "quota_bytes")});
    }
    print_table({"DOMAIN", "CATCH-ALL", "QUOTA"}, rows);
  } else {
    print_object(answer->as_object());
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
