#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"
#include "search/limits.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

int status(const Invocation& in, const json::object& answer) {
  if (in.json) {
    print_json(answer);
    return EX_OK;
  }
  if (!answer.at("enabled").as_bool()) fmt::print("There is no index: search.enabled is false.\n");
  fmt::print("{} of {} letters are indexed: {} bytes for {} bytes of text ({} %), {} bytes on disk\n",
             cell(answer, "indexed"), cell(answer, "letters"), cell(answer, "index_bytes"),
             cell(answer, "text_bytes"), cell(answer, "percent"), cell(answer, "disk_bytes"));
  if (answer.at("enabled").as_bool())
    fmt::print("The last few letters of a mailbox ({} at most) wait for others; searches look at them.\n",
               search::kTail - 1);
  std::vector<std::vector<std::string>> rows;
  for (const auto& account : answer.at("accounts").as_array()) {
    const json::object& one = account.as_object();
    rows.push_back({cell(one, "address"), cell(one, "letters"), cell(one, "indexed"), cell(one, "text_bytes"),
                    cell(one, "index_bytes"), cell(one, "percent")});
  }
  if (!rows.empty()) print_table({"ACCOUNT", "LETTERS", "INDEXED", "TEXT", "INDEX", "%"}, rows);
  return EX_OK;
}

}  // namespace

int search(const Invocation& in) {
  json::object arguments;
  if (!in.name.empty()) arguments["address"] = in.name;
  const bool rebuilds = in.command == "search rebuild";
  int result = EX_OK;
  const auto answer = ask(in, rebuilds ? "search.rebuild" : "search.status", std::move(arguments), result);
  if (!answer) return result;
  if (!rebuilds) return status(in, answer->as_object());
  if (in.json) {
    print_json(*answer);
  } else {
    const std::string whose = in.name.empty() ? "all accounts" : in.name;
    fmt::print("The server makes the index of {} anew.\n", whose);
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
