#include <sysexits.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ctime>

#include "app/actions/actions.h"
#include "app/config/units.h"
#include "base/clock.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

// "2026-11-23T21:14:13Z", without the Z or the seconds, or a day alone; UTC.
std::optional<int64_t> parse_time(const std::string& text) {
  for (const char* form : {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S",
                           "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
    std::tm fields{};
    const char* end = strptime(text.c_str(), form, &fields);
    if (end != nullptr && *end == '\0') return int64_t{timegm(&fields)} * 1000;
  }
  return std::nullopt;
}

// Milliseconds since 1970.
Result<int64_t> since_value(const std::string& text) {
  if (auto ago = parse_duration(text)) {
    const milliseconds then = (system_clock().now() - *ago).time_since_epoch();
    return std::max<int64_t>(then.count(), 0);
  }
  auto time = parse_time(text);
  if (!time || *time < 0) {
    return fail(
        FaultKind::syntax,
        fmt::format("{}: expected a time such as 2026-11-23T21:14:13Z, or a duration such as 3d", text));
  }
  return *time;
}

Result<json::object> arguments_of(const Invocation& in) {
  json::object out;
  out["address"] = in.name;
  if (!in.mailbox.empty()) out["mailbox"] = in.mailbox;
  if (!in.identifier.empty()) out["identifier"] = in.identifier;
  if (!in.rights.empty()) out["rights"] = in.rights;
  if (!in.since.empty()) {
    auto since = since_value(in.since);
    if (!since) return std::unexpected(since.error());
    out["since"] = *since;
  }
  json::array uids;
  for (const uint64_t uid : in.uids) uids.emplace_back(uid);
  if (!uids.empty()) out["uids"] = std::move(uids);
  if (!in.older_than.empty()) {
    auto age = parse_duration(in.older_than);
    if (!age) return fail(FaultKind::syntax, in.older_than + ": expected a duration such as 3d");
    out["older_than"] = age->count();
  }
  if (in.most != 0) out["most"] = in.most;
  if (in.dry_run) out["dry_run"] = true;
  return out;
}

void print_mailboxes(const json::array& mailboxes) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : mailboxes) {
    const json::object& mailbox = item.as_object();
    rows.push_back({cell(mailbox, "messages"), cell(mailbox, "unseen"), cell(mailbox, "bytes"),
                    cell(mailbox, "role"), cell(mailbox, "name")});
  }
  print_table({"LETTERS", "UNSEEN", "BYTES", "ROLE", "MAILBOX"}, rows);
}

void print_rights(const json::array& entries) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : entries) {
    const json::object& entry = item.as_object();
    rows.push_back({cell(entry, "identifier"), cell(entry, "rights")});
  }
  print_table({"WHO", "RIGHTS"}, rows);
}

void print_expunged(const json::array& messages) {
  if (messages.empty()) {
    fmt::print("No expunged letters are kept.\n");
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : messages) {
    const json::object& message = item.as_object();
    rows.push_back({cell(message, "expunged"), cell(message, "until"), cell(message, "mailbox"),
                    cell(message, "uid"), cell(message, "size"), cell(message, "from"),
                    cell(message, "subject")});
  }
  print_table({"EXPUNGED", "KEPT UNTIL", "MAILBOX", "UID", "BYTES", "FROM", "SUBJECT"}, rows);
}

}  // namespace

int mailbox(const Invocation& in) {
  std::string verb = "mailbox." + in.command.substr(in.command.find(' ') + 1);
  std::replace(verb.begin(), verb.end(), ' ', '_');
  auto arguments = arguments_of(in);
  if (!arguments) return complain(arguments.error());
  int status = EX_OK;
  auto answer = ask(in, verb, std::move(*arguments), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else if (verb == "mailbox.list") {
    print_mailboxes(answer->as_array());
  } else if (verb == "mailbox.acl_list") {
    print_rights(answer->as_array());
  } else if (answer->is_array()) {
    print_expunged(answer->as_array());
  } else {
    print_object(answer->as_object());
  }
  const bool missing = answer->is_object() && answer->as_object().contains("not_kept");
  return missing ? EX_NOUSER : EX_OK;
}

}  // namespace posthouse::app::actions
