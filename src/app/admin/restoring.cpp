// What backup and restore ask for.
#include <algorithm>

#include "app/admin/verbs.h"
#include "app/limits.h"
#include "base/base64.h"
#include "base/log.h"
#include "engine/blob.h"
#include "message/address.h"
#include "store/limits.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

Task<Result<store::MailboxInfo>> find(Context context, Arguments arguments, store::AccountId* account) {
  auto address = required(arguments, "address");
  if (!address) co_return std::unexpected(address.error());
  auto key = message::address_key(*address);
  if (!key) co_return std::unexpected(key.error());
  auto found = co_await context.core.directory.account(*key);
  if (!found) co_return std::unexpected(found.error());
  *account = found->id;
  std::string name = text(arguments, "mailbox");
  co_return co_await context.core.store.mailbox(*account, std::move(name));
}

// What tells letters apart without reading them.
json::array listed(const store::Entry& entry) {
  json::array out;
  out.emplace_back(entry.uid);
  out.emplace_back(entry.delivery);
  out.emplace_back(entry.blob);
  out.emplace_back(entry.size);
  out.emplace_back(int64_t{entry.internal_date.time_since_epoch().count()});
  return out;
}

// As a blob has it, also of a letter in a file.
Task<Result<uint64_t>> checksum_of(Context context, store::AccountId account, store::Entry entry) {
  engine::BlobChecksum read;
  for (uint64_t at = 0; entry.blob == 0 && at < entry.size;) {
    auto piece = co_await context.core.store.read(account, entry, at, engine::kBlobChunk);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    read.feed(*piece);
    at += piece->size();
  }
  if (entry.blob == 0) co_return read.value();
  uint64_t checksum = 0;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    auto found = engine::blob_checksum(reader, entry.blob);
    if (!found) return std::unexpected(found.error());
    checksum = *found;
    return {};
  };
  auto done = co_await context.core.engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return checksum;
}

}  // namespace

// What others did in the files up to now is in the index of the snapshot. Files that can't be looked at don't
// keep it from being made, but are told.
Task<Answer> backup_snapshot(Context context, Arguments arguments) {
  auto name = required(arguments, "name");
  if (!name) co_return std::unexpected(name.error());
  auto accounts = co_await context.core.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  json::array unseen;
  for (const directory::Account& account : *accounts) {
    if (!context.core.mirror.keeps(account.id)) continue;
    auto seen = co_await context.core.mirror.look_into_all(account.id);
    if (seen) continue;
    log::warn("backup.files_unseen", {{"account", account.address}, {"what", seen.error().what}});
    if (unseen.size() < kMostUnseen) unseen.emplace_back(account.address + ": " + seen.error().what);
  }
  auto made = co_await context.core.engine.make_snapshot(*name);
  if (!made) co_return std::unexpected(made.error());
  json::object out;
  out["unseen"] = std::move(unseen);
  co_return out;
}

Task<Answer> restore_list(Context context, Arguments arguments) {
  store::AccountId account = 0;
  auto mailbox = co_await find(context, arguments, &account);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  const auto first = static_cast<store::Uid>(number(arguments, "first").value_or(1));
  auto entries =
      co_await context.core.store.entries(account, mailbox->id, first, UINT32_MAX, kRestorePage, false);
  if (!entries) co_return std::unexpected(entries.error());
  json::array messages;
  for (const store::Entry& entry : *entries) messages.push_back(listed(entry));
  json::object out;
  out["messages"] = std::move(messages);
  co_return out;
}

Task<Answer> restore_checksum(Context context, Arguments arguments) {
  store::AccountId account = 0;
  auto mailbox = co_await find(context, arguments, &account);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  std::vector<store::Uid> uids{static_cast<store::Uid>(number(arguments, "uid").value_or(0))};
  auto entries = co_await context.core.store.entries(account, mailbox->id, std::move(uids), false);
  if (!entries) co_return std::unexpected(entries.error());
  json::object out;
  if (entries->empty()) co_return out;
  auto checksum = co_await checksum_of(context, account, entries->front());
  if (!checksum && checksum.error().kind == FaultKind::not_found) co_return out;
  if (!checksum) co_return std::unexpected(checksum.error());
  out["checksum"] = *checksum;
  co_return out;
}

// Repeatable. A role that another mailbox has by now stays there.
Task<Answer> restore_mailbox(Context context, Arguments arguments) {
  store::AccountId account = 0;
  auto there = co_await find(context, arguments, &account);
  if (there) co_return json::object();
  if (account == 0 || there.error().kind != FaultKind::not_found) co_return std::unexpected(there.error());
  const std::string name = text(arguments, "mailbox");
  const auto role = static_cast<store::Role>(std::min<uint64_t>(
      number(arguments, "role").value_or(0), static_cast<uint64_t>(store::Role::important)));
  auto made = co_await context.core.store.create_mailbox(account, name, role);
  if (!made && made.error().kind == FaultKind::exists)
    made = co_await context.core.store.create_mailbox(account, name, store::Role::none);
  if (!made) co_return std::unexpected(made.error());
  if (flag(arguments, "subscribed")) {
    auto subscribed = co_await context.core.store.subscribe(account, name, true);
    if (!subscribed) co_return std::unexpected(subscribed.error());
  }
  json::object out;
  out["made"] = true;
  co_return out;
}

namespace {

struct GivenRights {
  store::RightsEntry entry;
  std::string address;
};

std::optional<GivenRights> read_rights(const json::value& value) {
  const json::array* four = value.if_array();
  if (four == nullptr || four->size() != 4 || !(*four)[1].is_string()) return std::nullopt;
  json::error_code failed;
  GivenRights out;
  out.entry.who = (*four)[0].to_number<uint64_t>(failed);
  out.address = std::string((*four)[1].get_string());
  const auto granted = (*four)[2].to_number<uint64_t>(failed);
  const auto denied = (*four)[3].to_number<uint64_t>(failed);
  if (failed || granted > store::kAllRights || denied > store::kAllRights) return std::nullopt;
  out.entry.granted = static_cast<store::Rights>(granted);
  out.entry.denied = static_cast<store::Rights>(denied);
  return out;
}

// An account that was made anew under the address has nothing of what the old one had.
Task<bool> is_still_there(Context context, GivenRights given) {
  if (given.entry.who == store::kAnyone) co_return true;
  auto account = co_await context.core.directory.account(given.entry.who);
  co_return account && account->address == given.address;
}

}  // namespace

Task<Answer> restore_rights(Context context, Arguments arguments) {
  store::AccountId account = 0;
  auto mailbox = co_await find(context, arguments, &account);
  if (!mailbox) co_return std::unexpected(mailbox.error());
  auto there = co_await context.core.store.rights_entries(account, mailbox->id);
  if (!there) co_return std::unexpected(there.error());
  const auto* entries = arguments.if_contains("entries");
  if (entries == nullptr || !entries->is_array()) co_return fail(FaultKind::syntax, "no entries");
  for (const json::value& value : entries->get_array()) {
    const std::optional<GivenRights> given = read_rights(value);
    if (!given) co_return fail(FaultKind::syntax, "bad entry");
    const auto same = [&](const store::RightsEntry& one) { return one.who == given->entry.who; };
    const bool still = co_await is_still_there(context, *given);
    if (!still || given->entry.who == account || std::ranges::any_of(*there, same)) continue;
    for (const bool denied : {false, true}) {
      const store::Rights rights = denied ? given->entry.denied : given->entry.granted;
      if (rights == 0) continue;
      auto done = co_await context.core.store.change_rights(account, mailbox->id, given->entry.who, denied,
                                                            store::RightsChange::set, rights);
      if (!done) co_return std::unexpected(done.error());
    }
  }
  co_return json::object();
}

// Those that are not there: "entries" is a list of name and value (base64). "mailbox" "": of the account.
Task<Answer> restore_annotations(Context context, Arguments arguments) {
  store::AccountId account = 0;
  auto mailbox = co_await find(context, arguments, &account);
  const bool of_account = text(arguments, "mailbox").empty();
  if (account == 0 || (!mailbox && !of_account)) co_return std::unexpected(mailbox.error());
  const store::MailboxId id = of_account ? 0 : mailbox->id;
  auto there = co_await context.core.store.annotations(account, id);
  if (!there) co_return std::unexpected(there.error());
  std::vector<store::AnnotationChange> missing;
  const auto* entries = arguments.if_contains("entries");
  if (entries == nullptr || !entries->is_array()) co_return fail(FaultKind::syntax, "no entries");
  for (const json::value& entry : entries->get_array()) {
    const json::array* pair = entry.if_array();
    if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_string())
      co_return fail(FaultKind::syntax, "an entry is a name and a value");
    std::string name((*pair)[0].get_string());
    std::optional<std::string> value = base64_decode((*pair)[1].get_string());
    if (!value || name.size() > store::kMaxAnnotationName || value->size() > store::kMaxAnnotation)
      co_return fail(FaultKind::syntax, "bad entry");
    if (std::ranges::any_of(*there, [&](const auto& one) { return one.name == name; })) continue;
    missing.push_back({std::move(name), std::move(value)});
  }
  if (!missing.empty()) {
    auto done = co_await context.core.store.annotate(account, id, std::move(missing), std::nullopt);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return json::object();
}

}  // namespace posthouse::app::verbs
