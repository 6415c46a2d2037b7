// Putting messages in.
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

Result<MailboxRow*> target(AccountEdit& edit, const std::string& name, bool fall_back) {
  Result<MailboxRow*> row = edit.mailbox_named(name);
  if (row || !fall_back || row.error().kind != FaultKind::not_found) return row;
  return edit.mailbox_named(kInbox);
}

}  // namespace

Result<std::vector<uint8_t>> keyword_numbers(AccountEdit& edit, MailboxId mailbox,
                                             const std::vector<std::string>& names) {
  if (names.empty()) return std::vector<uint8_t>();
  const Result<KeywordTable*> table = edit.keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  Result<std::vector<uint8_t>> numbers = (*table)->numbers(names);
  return numbers ? numbers : (*table)->known_numbers(names);
}

std::vector<engine::Step> MailStore::Impl::place_steps(AccountId account, std::string mailbox,
                                                       NewMessage message, uint64_t delivery, Quota quota,
                                                       bool fall_back, Placed* placed) {
  const Result<std::string> checked = check_name(mailbox);
  std::string name = checked ? *checked : std::string(fall_back ? kInbox : "");
  FlagRow row;
  row.system = message.flags.system;
  row.size = message.size;
  row.internal_date = message.internal_date;
  row.blob = message.blob;
  row.delivery = delivery;
  std::string record = encode(MessageRow{message.blob, message.size, message.internal_date, message.summary});
  std::vector<engine::Step> steps;
  add_counted_edit(
      steps, account,
      [name = std::move(name), row, record = std::move(record), keywords = std::move(message.flags.keywords),
       quota, fall_back, placed, now = clock.now()](AccountEdit& edit) -> Result<void> {
        const HeadRow& head = edit.head();
        if (!quota.has_room(head.messages, head.bytes, row.size))
          return fail(FaultKind::over_quota, "the account is full");
        const Result<MailboxRow*> into = target(edit, name, fall_back);
        if (!into) return std::unexpected(into.error());
        Result<std::vector<uint8_t>> numbers = keyword_numbers(edit, (*into)->id, keywords);
        if (!numbers) return std::unexpected(numbers.error());
        FlagRow with_keywords = row;
        with_keywords.keywords = std::move(*numbers);
        const Result<Uid> uid = edit.place(**into, std::move(with_keywords), record, now);
        if (!uid) return std::unexpected(uid.error());
        if (placed != nullptr) *placed = Placed{(*into)->id, (*into)->uid_validity, *uid, 0, 0};
        return {};
      },
      GroupLimits{quota.group_bytes, quota.group_messages});
  return steps;
}

std::vector<engine::Step> MailStore::stage(AccountId account, std::string mailbox, NewMessage message,
                                           uint64_t delivery_id, Quota quota, Placed* placed) {
  return impl_->place_steps(account, std::move(mailbox), std::move(message), delivery_id, quota, true,
                            placed);
}

Task<Result<Placed>> MailStore::append(AccountId account, std::string mailbox, engine::BlobWriter& writer,
                                       NewMessage message, Quota quota) {
  const uint64_t delivery = impl_->ids.next();
  Placed placed;
  message.blob = writer.id();
  message.size = writer.size();
  std::vector<std::string> references;
  references.push_back(blob_reference(account, delivery));
  std::vector<engine::Step> steps;
  steps.push_back(writer.seal(std::move(references)));
  for (engine::Step& step :
       impl_->place_steps(account, std::move(mailbox), std::move(message), delivery, quota, false, &placed)) {
    steps.push_back(std::move(step));
  }
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  co_await impl_->carry_out(account);
  co_return placed;
}

Task<Result<std::vector<Placed>>> MailStore::append_all(AccountId account, std::string mailbox,
                                                        std::vector<Arriving> messages, Quota quota,
                                                        bool more) {
  const Result<std::string> name = check_name(mailbox);
  if (!name) co_return std::unexpected(name.error());
  struct Row {
    FlagRow row;
    std::string record;
  };
  std::vector<Row> rows;
  std::vector<engine::Step> steps;
  for (Arriving& arriving : messages) {
    NewMessage& message = arriving.message;
    Row one;
    one.row.system = message.flags.system;
    one.row.size = arriving.writer->size();
    one.row.internal_date = message.internal_date;
    one.row.blob = arriving.writer->id();
    one.row.delivery = impl_->ids.next();
    one.record = encode(MessageRow{one.row.blob, one.row.size, message.internal_date, message.summary});
    std::vector<std::string> references;
    references.push_back(blob_reference(account, one.row.delivery));
    steps.push_back(arriving.writer->seal(std::move(references)));
    rows.push_back(std::move(one));
  }
  std::vector<Placed> placed;
  const auto work = [&](AccountEdit& edit) -> Result<void> {
    placed.clear();
    const Result<MailboxRow*> into = edit.mailbox_named(*name);
    if (!into) return std::unexpected(into.error());
    const ModSeq before = (*into)->highest_modseq;
    for (size_t i = 0; i < rows.size(); ++i) {
      const HeadRow& head = edit.head();
      if (!quota.has_room(head.messages, head.bytes, rows[i].row.size))
        return fail(FaultKind::over_quota, "the account is full");
      Result<std::vector<uint8_t>> numbers =
          keyword_numbers(edit, (*into)->id, messages[i].message.flags.keywords);
      if (!numbers) return std::unexpected(numbers.error());
      FlagRow row = rows[i].row;
      row.keywords = std::move(*numbers);
      const Result<Uid> uid = edit.place(**into, std::move(row), rows[i].record, impl_->clock.now());
      if (!uid) return std::unexpected(uid.error());
      placed.push_back({(*into)->id, (*into)->uid_validity, *uid, before, (*into)->highest_modseq});
    }
    return {};
  };
  add_counted_edit(steps, account, work, GroupLimits{quota.group_bytes, quota.group_messages});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  if (more) {
    uint64_t octets = 0;
    for (const Row& one : rows) octets += one.row.size;
    co_await impl_->follow(account, placed.size() * kChangesALetter + octets / kOctetsAChange);
  } else {
    co_await impl_->carry_out(account);
  }
  co_return placed;
}

}  // namespace posthouse::store
