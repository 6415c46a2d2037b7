// One message in the place of another (RFC 8508): it comes and the other goes in one transaction.
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

// The message that goes, as the look found it.
struct Leaving {
  MailboxId mailbox = 0;
  Source source;
  std::string summary;  // of one that is kept
};

// Takes it out; `temporary` when it is not as it was.
Result<void> take_out(AccountEdit& edit, const Leaving& leaving, bool keep, SystemTime now, bool& gone) {
  const Result<MailboxRow*> row = edit.mailbox(leaving.mailbox);
  if (!row) return std::unexpected(row.error());
  const Result<std::vector<AccountEdit::Message>> there =
      edit.messages(leaving.mailbox, {leaving.source.uid});
  if (!there) return std::unexpected(there.error());
  gone = there->empty();
  if (gone) return fail(FaultKind::not_found, "the message is gone");
  const FlagRow& message = there->front().second;
  // Its bytes went to its file or came from there.
  if (message.blob != leaving.source.row.blob)
    return fail(FaultKind::temporary, "the message changed meanwhile");
  if (keep) {
    const Result<KeywordTable*> table = edit.keywords(leaving.mailbox);
    if (!table) return std::unexpected(table.error());
    edit.keep(KeptPlace{now, leaving.mailbox, leaving.source.uid}, (*row)->name, **table, message,
              leaving.summary);
  }
  return edit.remove(**row, *there);
}

}  // namespace

Task<Result<Placed>> MailStore::replace(AccountId account, MailboxId from, Uid old, std::string mailbox,
                                        Arriving message, Quota quota, bool& gone) {
  gone = false;
  const Result<std::string> name = check_name(mailbox);
  if (!name) co_return fail(FaultKind::not_found, name.error().what);
  const bool keep = impl_->keep_expunged;
  const uint64_t delivery = impl_->ids.next();
  const uint64_t size = message.writer->size();
  const engine::BlobId blob = message.writer->id();
  std::vector<std::string> references;
  references.push_back(blob_reference(account, delivery));
  const engine::Step seal = message.writer->seal(std::move(references));
  const NewMessage& fresh = message.message;
  for (int attempt = 0;; ++attempt) {
    std::vector<Uid> uids{old};
    if (keep) {
      Result<std::vector<Uid>> loaded = co_await impl_->load_bodies_to_keep(account, from, uids);
      if (!loaded) co_return std::unexpected(loaded.error());
    }
    Result<std::vector<Source>> found = co_await impl_->sources(account, from, std::move(uids), keep);
    if (!found) co_return std::unexpected(found.error());
    gone = found->empty();
    if (gone) co_return fail(FaultKind::not_found, "the message is gone");
    Leaving leaving{from, std::move(found->front()), {}};
    if (keep && leaving.source.row.blob == 0)
      co_return fail(FaultKind::temporary, "the message can't be kept now");
    if (const Result<MessageRow> row = decode_message(leaving.source.record); keep && row)
      leaving.summary = row->summary;
    const SystemTime now = impl_->clock.now();
    Placed placed;
    bool too_much = false;
    std::vector<engine::Step> steps;
    steps.push_back(seal);
    const auto work = [&, now](AccountEdit& edit) -> Result<void> {
      const Result<MailboxRow*> into = edit.mailbox_named(*name);
      if (!into) return std::unexpected(into.error());
      const Result<void> taken = take_out(edit, leaving, keep, now, gone);
      if (!taken) return taken;
      const HeadRow& head = edit.head();
      if (!quota.has_room(head.messages, head.bytes, size))
        return fail(FaultKind::over_quota, "the account is full");
      Result<std::vector<uint8_t>> numbers = keyword_numbers(edit, (*into)->id, fresh.flags.keywords);
      if (!numbers) return std::unexpected(numbers.error());
      FlagRow row;
      row.system = fresh.flags.system;
      row.size = size;
      row.internal_date = fresh.internal_date;
      row.blob = blob;
      row.delivery = delivery;
      row.keywords = std::move(*numbers);
      const std::string record = encode(MessageRow{blob, size, fresh.internal_date, fresh.summary});
      const Result<Uid> uid = edit.place(**into, std::move(row), record, now);
      if (!uid) return std::unexpected(uid.error());
      placed = {(*into)->id, (*into)->uid_validity, *uid};
      const Result<MailboxRow*> left = edit.mailbox(from);
      too_much = left && impl_->remembers_too_much(**left);
      return {};
    };
    add_counted_edit(steps, account, work, GroupLimits{quota.group_bytes, quota.group_messages});
    const FlagRow& old_row = leaving.source.row;
    if (!keep && old_row.blob != 0)
      steps.push_back(
          engine::drop_reference(old_row.blob, blob_reference(account, old_row.delivery), old_row.size));
    Result<void> done = co_await impl_->engine.transact(std::move(steps));
    if (!done && done.error().kind == FaultKind::temporary && attempt + 1 < kMaxAttempts) continue;
    if (!done) co_return std::unexpected(done.error());
    if (too_much) co_await impl_->forget_expunges(account, from);
    co_await impl_->carry_out(account);
    co_return placed;
  }
}

}  // namespace posthouse::store
