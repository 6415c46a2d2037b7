#include <sysexits.h>

#include <boost/json.hpp>
#include <cstdio>

#include "app/actions/actions.h"
#include "app/cli/output.h"
#include "app/cli/shell.h"
#include "app/config/units.h"

namespace posthouse::app::actions {
namespace {

namespace json = boost::json;

Result<json::object> arguments_of(const Invocation& in) {
  json::object out;
  if (!in.name.empty()) out["address"] = in.name;
  if (!in.domain.empty()) out["domain"] = in.domain;
  if (!in.display_name.empty()) out["display_name"] = in.display_name;
  if (in.admin || in.no_admin) out["admin"] = in.admin;
  if (in.shared || in.no_shared) out["shared"] = in.shared;
  if (in.enable || in.disable) out["enabled"] = in.enable;
  if (!in.store.empty()) out["store"] = in.store;
  if (!in.quota.empty()) {
    auto quota = quota_value(in.quota);
    if (!quota) return std::unexpected(quota.error());
    out["quota_bytes"] = *quota;
  }
  if (!in.quota_messages.empty()) {
    auto quota = count_value(in.quota_messages);
    if (!quota) return std::unexpected(quota.error());
    out["quota_messages"] = *quota;
  }
  if (!in.password_name.empty()) out["name"] = in.password_name;
  if (!in.protocols.empty()) out["protocols"] = json::array(in.protocols.begin(), in.protocols.end());
  if (!in.expires.empty()) {
    const auto expires = parse_duration(in.expires);
    if (!expires) return fail(FaultKind::syntax, in.expires + ": expected a duration such as 90d");
    out["expires"] = expires->count();
  }
  if (in.password_stdin || in.password_hash_stdin) {
    auto secret = read_secret();
    if (!secret) return std::unexpected(secret.error());
    out[in.password_stdin ? "password" : "password_hash"] = *secret;
  }
  return out;
}

void print_accounts(const json::value& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : answer.as_array()) {
    const json::object& account = item.as_object();
    rows.push_back({cell(account, "address"), cell(account, "enabled"), cell(account, "admin"),
                    cell(account, "store"), cell(account, "quota_bytes"), cell(account, "display_name")});
  }
  print_table({"ADDRESS", "ENABLED", "ADMIN", "STORE", "QUOTA", "NAME"}, rows);
}

void print_app_passwords(const json::value& answer) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& item : answer.as_array()) {
    const json::object& one = item.as_object();
    std::string protocols = cell(one, "protocols");
    rows.push_back({cell(one, "name"), protocols.empty() ? "all" : protocols, cell(one, "created"),
                    cell(one, "expires"), cell(one, "last_used")});
  }
  print_table({"NAME", "PROTOCOLS", "CREATED", "EXPIRES", "LAST USED"}, rows);
}

// A password that was made up is nowhere else: who made the account must hear if it could not be shown.
bool password_was_shown(const Invocation& in, const json::value& answer) {
  if (!answer.is_object() || !answer.get_object().contains("password")) return true;
  if (flush_output()) return true;
  std::string address = cell(answer.get_object(), "address");
  if (!in.password_name.empty()) {
    fmt::print(
        stderr,
        "posthouse: {} has a new app password, but it could not be shown; take it back with: {} account "
        "app-password remove {} {} --config {}\n",
        address, program_word(), address, shell_word(in.password_name), shell_word(in.config_file));
    return false;
  }
  fmt::print(
      stderr,
      "posthouse: {0} has a new password, but it could not be shown; set another one with: {1} account "
      "password {0} --config {2}\n",
      address, program_word(), shell_word(in.config_file));
  return false;
}

}  // namespace

int account(const Invocation& in) {
  const std::string command = in.command.substr(in.command.find(' ') + 1);
  constexpr std::string_view kAppPassword = "app-password ";
  const bool app_password = command.starts_with(kAppPassword);
  const std::string verb =
      app_password ? "account.app_password_" + command.substr(kAppPassword.size()) : "account." + command;
  auto arguments = arguments_of(in);
  if (!arguments) return complain(arguments.error());
  if (in.command == "account change" && arguments->size() == 1) {
    return nothing_to_change(
        "--name, --quota, --quota-messages, --admin, --no-admin, --shared, --no-shared, --disable, --enable, "
        "--store; a password is "
        "set with `account password`");
  }
  int status = EX_OK;
  auto answer = ask(in, verb, std::move(*arguments), status);
  if (!answer) return status;
  if (in.json) {
    print_json(*answer);
  } else if (answer->is_array() && app_password) {
    print_app_passwords(*answer);
  } else if (answer->is_array()) {
    print_accounts(*answer);
  } else {
    print_object(answer->as_object());
  }
  return password_was_shown(in, *answer) ? EX_OK : EX_IOERR;
}

}  // namespace posthouse::app::actions
