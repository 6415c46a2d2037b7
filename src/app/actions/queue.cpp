#include <sysexits.h>

#include <boost/json.hpp>

#include "app/actions/actions.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

json::object arguments_of(const Invocation& in) {
  json::object out;
  bool all = in.all || (in.targets.size() == 1 && in.targets.front() == "all");  // no id is so short
  json::array ids;
  for (const std::string& id : in.targets) ids.emplace_back(id);
  if (!ids.empty() && !all) out["ids"] = std::move(ids);
  if (!in.name.empty()) out["id"] = in.name;
  if (!in.sender.empty()) out["sender"] = in.sender;
  if (!in.recipient.empty()) out["recipient"] = in.recipient;
  if (!in.domain.empty()) out["domain"] = in.domain;
  if (!in.state.empty()) out["state"] = in.state;
  if (in.most != 0) out["most"] = in.most;
  if (all) out["all"] = true;
  return out;
}

void print_recipients(const json::object& letter) {
  for (const auto& item : letter.at("recipients").as_array()) {
    const json::object& recipient = item.as_object();
    const std::string next = cell(recipient, "next_attempt");
    fmt::print("  {} {}, {} attempts{}\n", cell(recipient, "state"), cell(recipient, "address"),
               cell(recipient, "attempts"), next == "-" ? "" : ", next " + next);
    const std::string reply = cell(recipient, "last_reply"), host = cell(recipient, "last_host");
    if (reply != "-") fmt::print("    {}{}\n", host == "-" ? "" : host + ": ", reply);
  }
}

void print_letters(const json::array& letters) {
  if (letters.empty()) {
    fmt::print("The queue is empty.\n");
    return;
  }
  for (const auto& item : letters) {
    const json::object& letter = item.as_object();
    std::string sender = cell(letter, "sender");
    fmt::print("{}  {}  {} bytes  from <{}>\n", cell(letter, "id"), cell(letter, "accepted"),
               cell(letter, "size"), sender == "-" ? "" : sender);
    print_recipients(letter);
  }
}

void print_set_aside(const json::array& records) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : records) {
    const json::object& record = item.as_object();
    rows.push_back({cell(record, "id"), cell(record, "when"), cell(record, "reason")});
  }
  print_table({"ID", "SINCE", "REASON"}, rows);
}

}  // namespace

int queue(const Invocation& in) {
  if (in.command == "queue show" && in.name == "all") {
    return complain({FaultKind::syntax, "`queue show` shows one letter by its id; `queue list` lists all"});
  }
  std::string verb = "queue." + in.command.substr(in.command.find(' ') + 1);
  if (in.set_aside) verb = "queue.set_aside";
  int status = EX_OK;
  auto answer = ask(in, verb, arguments_of(in), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else if (in.set_aside) {
    print_set_aside(answer->as_array());
  } else if (answer->is_array()) {
    print_letters(answer->as_array());
  } else if (answer->as_object().contains("recipients")) {
    json::object letter = answer->as_object();
    json::object head = letter;
    head.erase("recipients");
    print_object(head);
    print_recipients(letter);
  } else {
    print_object(answer->as_object());
  }
  return EX_OK;
}

}  // namespace posthouse::app::actions
