// COPY and MOVE from one account into another: mailboxes that are shared (store/rights.h). Bodies are shared,
// too; each account counts what it has.
#include <algorithm>

#include "store/across.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

Result<void> take_along(AccountEdit& edit, MailboxId from, const std::vector<Source>& messages,
                        Carried& carried) {
  carried = Carried();
  const Result<MailboxRow*> mailbox = edit.mailbox(from);
  if (!mailbox) return std::unexpected(mailbox.error());
  const Result<KeywordTable*> table = edit.keywords(from);
  if (!table) return std::unexpected(table.error());
  for (const Source& message : messages) {
    const Result<std::optional<FlagRow>> now = edit.message(from, message.uid);
    if (!now) return std::unexpected(now.error());
    // Its bytes went to its file, or it is gone.
    if (!*now || (*now)->blob != message.row.blob || (*now)->delivery != message.row.delivery)
      return changed_meanwhile();
    carried.keywords.push_back((*table)->flags((*now)->system, (*now)->keywords).keywords);
    carried.rows.push_back(**now);
  }
  return {};
}

namespace {

// With the body's name as it is now: the row of a message in a file still has that it came with.
std::string record_of(const Source& message) {
  Result<MessageRow> row = decode_message(message.record);
  if (!row) return message.record;  // damaged; told when it is read
  row->blob = message.row.blob;
  return encode(*row);
}

}  // namespace

Result<void> put_down(AccountEdit& edit, const MailStore::Target& to, const std::vector<Source>& messages,
                      const Carried& carried, const std::vector<uint64_t>& deliveries, const Quota& quota,
                      SystemTime saved, Copied& done) {
  done = Copied();
  const Result<MailboxRow*> mailbox = edit.mailbox_named(to.mailbox);
  if (!mailbox) return std::unexpected(mailbox.error());
  const Result<KeywordTable*> table = edit.keywords((*mailbox)->id);
  if (!table) return std::unexpected(table.error());
  const Result<void> room = check_quota(edit.head(), messages, quota);
  if (!room) return room;
  done.mailbox = (*mailbox)->id;
  done.uid_validity = (*mailbox)->uid_validity;
  for (size_t i = 0; i < messages.size(); ++i) {
    FlagRow row = carried.rows[i];
    row.system &= to.may.system;
    row.keywords.clear();
    if (to.may.keywords && !carried.keywords[i].empty()) {
      Result<std::vector<uint8_t>> numbers = (*table)->numbers(carried.keywords[i]);
      row.keywords = numbers ? *numbers : (*table)->known_numbers(carried.keywords[i]);
    }
    row.delivery = deliveries[i];
    const Result<Uid> uid = edit.place(**mailbox, std::move(row), record_of(messages[i]), saved);
    if (!uid) return std::unexpected(uid.error());
    done.from.push_back(messages[i].uid);
    done.to.push_back(*uid);
  }
  return {};
}

// In one transaction: the other account's reference to each body comes before this one's goes.
Task<Result<void>> MailStore::Impl::try_move_across(AccountId account, MailboxId from, SourceParts& parts,
                                                    Target to, Quota quota, Copied& out) {
  Result<std::vector<Source>> found = co_await parts.read();
  if (!found) co_return std::unexpected(found.error());
  Result<void> loaded = co_await load_to_copy(account, from, *found);
  if (!loaded) co_return loaded;
  Result<PlacesToBe> places = co_await places_to_be(account, from, uids_of(*found));
  if (!places) co_return std::unexpected(places.error());
  const std::vector<Source>& messages = *found;
  Carried carried;
  Copied part;
  bool too_much = false;
  std::vector<uint64_t> deliveries;
  std::vector<engine::Step> steps;
  for (const Source& message : messages) {
    deliveries.push_back(ids.next());
    steps.push_back(refer(account, message, blob_reference(to.account, deliveries.back())));
  }
  add_counted_edit(steps, account, [&](AccountEdit& edit) -> Result<void> {
    if (files != nullptr) edit.expect_at(*places);
    const Result<void> taken = take_along(edit, from, messages, carried);
    if (!taken) return taken;
    const Result<MailboxRow*> row = edit.mailbox(from);
    if (!row) return std::unexpected(row.error());
    const Result<std::vector<AccountEdit::Message>> there = edit.messages(from, uids_of(messages));
    if (!there) return std::unexpected(there.error());
    const Result<void> removed = edit.remove(**row, *there);
    too_much = remembers_too_much(**row);
    return removed;
  });
  const auto work = [&](AccountEdit& edit) {
    return put_down(edit, to, messages, carried, deliveries, quota, clock.now(), part);
  };
  add_counted_edit(steps, to.account, work, GroupLimits{quota.group_bytes, quota.group_messages});
  for (const Source& message : messages) {
    const FlagRow& row = message.row;
    steps.push_back(engine::drop_reference(row.blob, blob_reference(account, row.delivery), row.size));
  }
  Result<void> done = co_await engine.transact(std::move(steps));
  if (done) add_to(out, std::move(part));
  if (done && too_much) co_await forget_expunges(account, from);
  co_return done;
}

}  // namespace posthouse::store
