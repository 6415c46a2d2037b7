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
  if (!in.store.empty())
    arguments["store"] = in.store == "none" ? json::value(nullptr) : json::value(in.store);
  struct Limit {
    const char* name;
    const std::string& text;
    Result<json::value> (*read)(const std::string&);
  };
  const Limit limits[] = {{"quota_bytes", in.quota, quota_value},
                          {"quota_messages", in.quota_messages, count_value},
                          {"total_bytes", in.total, quota_value},
                          {"total_messages", in.total_messages, count_value}};
  for (const Limit& limit : limits) {
    if (limit.text.empty()) continue;
    auto value = limit.read(limit.text);
    if (!value) return complain(value.error());
    arguments[limit.name] = *value;
  }
  if (in.command == "domain change" && arguments.size() == 1)
    return nothing_to_change("--catch-all, --quota, --quota-messages, --total, --total-messages, --store");
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
