#include <filesystem>

#include "app/admin/verbs.h"
#include "base/log.h"
#include "message/address.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

// Long enough that guessing is hopeless, of characters that every client and every person can type.
constexpr size_t kPasswordLength = 20;

json::object describe(const directory::Account& account) {
  json::object out;
  out["address"] = account.address;
  out["display_name"] = account.display_name;
  out["enabled"] = account.enabled;
  out["admin"] = account.admin;
  out["shared"] = account.shared;
  out["quota_bytes"] = number_or_null(account.quota_bytes);
  out["quota_messages"] = number_or_null(account.quota_messages);
  out["created"] = iso_time(account.created);
  return out;
}

// The password given, or one made up, which is then in `made_up`.
Secret choose_password(const Arguments& arguments, Random& random, std::string& made_up) {
  std::string given = text(arguments, "password");
  if (given.empty()) made_up = random.token(kPasswordLength);
  return Secret(given.empty() ? made_up : std::move(given));
}

void apply(const Arguments& arguments, directory::Account& account) {
  if (arguments.contains("display_name")) account.display_name = text(arguments, "display_name");
  if (arguments.contains("admin")) account.admin = flag(arguments, "admin");
  if (arguments.contains("shared")) account.shared = flag(arguments, "shared");
  if (arguments.contains("enabled")) account.enabled = flag(arguments, "enabled");
  if (arguments.contains("quota_bytes")) account.quota_bytes = number(arguments, "quota_bytes");
  if (arguments.contains("quota_messages")) account.quota_messages = number(arguments, "quota_messages");
}

// With the format that its letters are kept in.
Task<json::object> describe_with_store(Context context, directory::Account account) {
  json::object out = describe(account);
  store::FilePlace place;
  if (context.core.mirror.keeps(account.id)) {
    auto found = co_await context.core.store.place(account.id);
    if (!found) co_return out;
    place = std::move(*found);
  }
  out["store"] = store::to_string(place.format);
  co_return out;
}

// What was asked for, else the domain's default; "" for the configuration's.
Task<Result<std::string>> format_for(Context context, std::string asked, std::string address) {
  if (!asked.empty()) co_return asked;
  auto domains = co_await context.core.directory.domains();
  if (!domains) co_return std::unexpected(domains.error());
  const std::string name = group_of(address);
  for (const auto& domain : *domains) {
    if (domain.name == name) co_return domain.store_format;
  }
  co_return std::string();
}

}  // namespace

Task<Result<directory::Account>> find_account(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  auto account = co_await context.core.directory.account(*address);
  if (!account && account.error().kind == FaultKind::not_found) {
    co_return fail(FaultKind::not_found, "no such account: " + *address);
  }
  co_return account;
}

Task<Answer> account_add(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  directory::Account account;
  account.address = *address;
  apply(arguments, account);
  if (const auto created = number(arguments, "created")) account.created = SystemTime(milliseconds(*created));
  auto there = co_await context.core.directory.account(*address);
  if (there) co_return fail(FaultKind::exists, *address + " is an account already");
  auto format = co_await format_for(context, text(arguments, "store"), *address);
  if (!format) co_return std::unexpected(format.error());
  auto place = context.core.places.of(*format, *address);
  if (!place) co_return std::unexpected(place.error());
  auto held = co_await context.core.taken_places.take(*place, 0, *address);
  if (!held) co_return std::unexpected(held.error());
  // It becomes the account's, as it should when a Maildir moves in, and perhaps should not when it was
  // somebody's who is gone.
  const bool found = co_await holds_something(context, *place);
  std::string made_up;
  Secret password = choose_password(arguments, context.core.random, made_up);
  auto added = co_await context.core.directory.add_account(account, password);
  if (!added) co_return std::unexpected(added.error());
  auto made = co_await context.core.store.create_account(added->id, group_of(added->address), *place);
  if (!made) co_return std::unexpected(made.error());
  held->keep(added->id);
  json::object out = co_await describe_with_store(context, *added);
  if (found) out["files_found"] = place->inbox;
  // Nobody logs in to a shared account, unless somebody gives it a password.
  if (!made_up.empty() && !account.shared) out["password"] = made_up;
  co_return out;
}

Task<Answer> account_list(Context context, Arguments arguments) {
  std::string domain = text(arguments, "domain");
  if (!domain.empty()) {
    auto ascii = message::domain_to_ascii(domain);
    if (!ascii) co_return std::unexpected(ascii.error());
    domain = std::move(*ascii);
    auto local = co_await context.core.directory.is_local_domain(domain);
    if (!local) co_return std::unexpected(local.error());
    if (!*local) co_return fail(FaultKind::not_found, "no such domain: " + domain);
  }
  auto accounts = co_await context.core.directory.accounts(std::move(domain));
  if (!accounts) co_return std::unexpected(accounts.error());
  json::array out;
  for (const auto& account : *accounts) {
    json::object one = co_await describe_with_store(context, account);
    out.push_back(std::move(one));
  }
  co_return out;
}

Task<Answer> account_show(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  json::object out = describe(*account);
  auto usage = co_await context.core.store.usage(account->id);
  if (usage) {
    out["messages"] = usage->messages;
    out["bytes"] = usage->bytes;
    out["expunged_messages"] = usage->kept_messages;
    out["expunged_bytes"] = usage->kept_bytes;
  }
  auto place = co_await context.core.store.place(account->id);
  if (place) {
    out["store"] = store::to_string(place->format);
    if (!place->inbox.empty()) out["inbox"] = place->inbox;
    if (!place->folders.empty()) out["folders"] = place->folders;
  }
  auto mailboxes = co_await context.core.store.mailboxes(account->id);
  if (mailboxes) {
    json::array names;
    for (const auto& mailbox : *mailboxes) names.emplace_back(mailbox.name);
    out["mailboxes"] = std::move(names);
  }
  co_return out;
}

Task<Answer> account_change(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  if (std::string format = text(arguments, "store"); !format.empty()) {
    Arguments conversion;
    conversion["address"] = account->address;
    conversion["to"] = std::move(format);
    auto converted = co_await store_convert(context, std::move(conversion));
    if (!converted) co_return converted;
  }
  apply(arguments, *account);
  auto changed = co_await context.core.directory.update_account(*account);
  if (!changed) co_return std::unexpected(changed.error());
  if (!account->enabled) context.locked_out(account->id, std::nullopt);
  co_return co_await describe_with_store(context, *account);
}

// Only it knows what was in an account that is gone. Its number comes never again: nobody sees what stays.
Task<void> forget_catalog(Core& core, uint64_t account) {
  std::error_code error;
  if (!std::filesystem::exists(core.catalog_directory, error)) co_return;
  const auto catalog = core.catalog();
  Result<void> forgotten;
  if (catalog) forgotten = co_await (*catalog)->catalog().forget(account);
  if (!catalog || !forgotten)
    log::warn("catalog.not_forgotten", {{"reason", catalog ? forgotten.error().what : catalog.error().what}});
}

Task<Answer> account_remove(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  auto place = co_await context.core.store.place(account->id);
  // The directory first: from then on nobody logs in and nothing is delivered. A crash in between leaves
  // mailboxes that nobody can reach, which `store check` names.
  auto gone = co_await context.core.directory.remove_account(account->id);
  if (!gone) co_return std::unexpected(gone.error());
  context.locked_out(account->id, std::nullopt);
  auto emptied = co_await context.core.store.remove_account(account->id);
  if (!emptied) co_return std::unexpected(emptied.error());
  co_await forget_catalog(context.core, account->id);
  json::object out;
  out["removed"] = account->address;
  if (place) tell_files_left(*place, "files_left", out);
  co_return out;
}

Task<Answer> account_password(Context context, Arguments arguments) {
  auto account = co_await find_account(context, arguments);
  if (!account) co_return std::unexpected(account.error());
  json::object out;
  out["address"] = account->address;
  std::string hash = text(arguments, "password_hash");
  if (!hash.empty()) {
    Secret imported(std::move(hash));
    auto set = co_await context.core.directory.set_password_hash(account->id, imported);
    if (!set) co_return std::unexpected(set.error());
    context.locked_out(account->id, std::nullopt);
    co_return out;
  }
  std::string made_up;
  Secret password = choose_password(arguments, context.core.random, made_up);
  auto set = co_await context.core.directory.set_password(account->id, password);
  if (!set) co_return std::unexpected(set.error());
  context.locked_out(account->id, std::nullopt);
  if (!made_up.empty()) out["password"] = made_up;
  co_return out;
}

}  // namespace posthouse::app::verbs
