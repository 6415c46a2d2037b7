// Rights of others in an account's mailboxes, for operators: what SETACL, DELETEACL and GETACL do (RFC 4314).
#include "store/rights.h"
#include "app/admin/verbs.h"
#include "message/address.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

struct MailboxPlace {
  directory::Account owner;
  store::MailboxInfo mailbox;
};

Task<Result<MailboxPlace>> find_place(Context context, Arguments arguments) {
  auto owner = co_await find_account(context, arguments);
  if (!owner) co_return std::unexpected(owner.error());
  auto name = required(arguments, "mailbox");
  if (!name) co_return std::unexpected(name.error());
  auto mailbox = co_await context.core.store.mailbox(owner->id, *name);
  if (!mailbox && mailbox.error().kind == FaultKind::not_found)
    co_return fail(FaultKind::not_found, "no such mailbox: " + *name);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  co_return MailboxPlace{std::move(*owner), std::move(*mailbox)};
}

struct RightsHolder {
  uint64_t who = store::kAnyone;
  bool negative = false;
};

Task<Result<RightsHolder>> read_holder(Context context, directory::Account owner, Arguments arguments) {
  auto name = required(arguments, "identifier");
  if (!name) co_return std::unexpected(name.error());
  RightsHolder out;
  out.negative = name->starts_with('-');
  std::string bare = out.negative ? name->substr(1) : *name;
  if (bare == "anyone") co_return out;
  if (bare.find('@') == std::string::npos) bare += "@" + group_of(owner.address);
  auto account = co_await context.core.directory.account(bare);
  if (!account && account.error().kind == FaultKind::not_found)
    co_return fail(FaultKind::not_found, "no such account: " + bare);
  if (!account) co_return std::unexpected(account.error());
  if (account->id == owner.id) co_return fail(FaultKind::policy, "the owner keeps all rights");
  out.who = account->id;
  co_return out;
}

// Beside RFC 4314's forms "~" takes away, as "-" would begin an option.
Result<std::pair<store::RightsChange, store::Rights>> read_change(std::string text) {
  auto change = store::RightsChange::set;
  if (text.starts_with('+')) change = store::RightsChange::add;
  if (text.starts_with('-') || text.starts_with('~')) change = store::RightsChange::remove;
  if (change != store::RightsChange::set || text.starts_with('=')) text.erase(0, 1);
  const auto rights = store::parse_rights(text);
  if (!rights) return fail(FaultKind::syntax, text + ": rights are letters of lrswipkxtea, and c and d");
  return std::pair(change, *rights);
}

}  // namespace

Task<Answer> mailbox_acl_list(Context context, Arguments arguments) {
  auto place = co_await find_place(context, arguments);
  if (!place) co_return std::unexpected(place.error());
  auto entries = co_await context.core.store.rights_entries(place->owner.id, place->mailbox.id);
  if (!entries) co_return std::unexpected(entries.error());
  json::array out;
  const auto add = [&out](std::string name, store::Rights rights) {
    json::object entry;
    entry["identifier"] = std::move(name);
    entry["rights"] = store::rights_text(rights, false);
    out.push_back(std::move(entry));
  };
  add(place->owner.address, store::kAllRights);
  for (const store::RightsEntry& entry : *entries) {
    std::string name = "anyone";
    if (entry.who != store::kAnyone) {
      auto account = co_await context.core.directory.account(entry.who);
      if (!account) continue;  // it is being removed
      name = account->address;
    }
    if (entry.granted != 0) add(name, entry.granted);
    if (entry.denied != 0) add("-" + name, entry.denied);
  }
  co_return out;
}

Task<Answer> mailbox_acl_set(Context context, Arguments arguments) {
  auto place = co_await find_place(context, arguments);
  if (!place) co_return std::unexpected(place.error());
  auto identifier = co_await read_holder(context, place->owner, arguments);
  if (!identifier) co_return std::unexpected(identifier.error());
  auto change = read_change(text(arguments, "rights"));
  if (!change) co_return std::unexpected(change.error());
  auto done = co_await context.core.store.change_rights(place->owner.id, place->mailbox.id, identifier->who,
                                                        identifier->negative, change->first, change->second);
  if (!done) co_return std::unexpected(done.error());
  co_return json::object();
}

Task<Answer> mailbox_acl_delete(Context context, Arguments arguments) {
  arguments["rights"] = "";
  return mailbox_acl_set(std::move(context), std::move(arguments));
}

}  // namespace posthouse::app::verbs
