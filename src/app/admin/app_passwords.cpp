// App passwords of an account.
#include "app/admin/verbs.h"
#include "base/base64.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

json::object describe(const directory::AppPassword& one) {
  json::object out;
  out["name"] = one.name;
  out["protocols"] = json::array(one.protocols.begin(), one.protocols.end());
  out["created"] = iso_time(one.created);
  out["expires"] = one.expires ? json::value(iso_time(*one.expires)) : json::value(nullptr);
  out["last_used"] = nullptr;
  if (one.last_used_day) {
    const std::chrono::sys_days day(std::chrono::days(*one.last_used_day));
    out["last_used"] = iso_time(day).substr(0, 10);  // no more of it is kept
  }
  return out;
}

}  // namespace

Task<Answer> account_app_password_add(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto name = required(arguments, "name");
  if (!name) co_return std::unexpected(name.error());
  directory::AppPassword wanted;
  wanted.name = std::move(*name);
  wanted.protocols = list(arguments, "protocols");
  constexpr uint64_t kLongest = 100ull * 366 * 86400;
  if (const auto expires = number(arguments, "expires")) {
    if (*expires == 0 || *expires > kLongest)
      co_return fail(FaultKind::syntax, "expires: expected some time, at most 100 years");
    wanted.expires = context.core.clock.now() + seconds(*expires);
  }
  auto made = co_await context.core.directory.add_app_password(account->id, std::move(wanted));
  if (!made) co_return std::unexpected(made.error());
  json::object out = describe(made->made);
  out["address"] = account->address;
  out["password"] = std::string(made->password.reveal());
  co_return out;
}

Task<Answer> account_app_password_list(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto all = co_await context.core.directory.app_passwords(account->id);
  if (!all) co_return std::unexpected(all.error());
  json::array out;
  for (const auto& one : *all) out.push_back(describe(one));
  co_return out;
}

Task<Answer> account_app_password_remove(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto name = required(arguments, "name");
  if (!name) co_return std::unexpected(name.error());
  auto gone = co_await context.core.directory.remove_app_password(account->id, std::move(*name));
  if (!gone) co_return std::unexpected(gone.error());
  context.locked_out(account->id, gone->id);
  json::object out;
  out["address"] = account->address;
  out["removed"] = gone->name;
  co_return out;
}

}  // namespace posthouse::app::verbs
