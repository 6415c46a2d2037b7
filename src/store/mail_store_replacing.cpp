// One message in the place of another (RFC 8508): it comes and the other goes in one transaction, also where
// it comes into another account's mailbox.
#include "store/file_rows.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

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
  if (message.blob != leaving.source.row.blob) return changed_meanwhile();
  if (keep) {
    const Result<KeywordTable*> table = edit.keywords(leaving.mailbox);
    if (!table) return std::unexpected(table.error());
    edit.keep(KeptPlace{now, leaving.mailbox, leaving.source.uid}, (*row)->name, **table, message,
              leaving.summary);
  }
  if (leaving.places) edit.expect_at(*leaving.places);
  return edit.remove(**row, *there);
}

// The message that comes, on its way.
struct Coming {
  const MailStore::Target& to;
  const NewMessage& message;
  const Quota& quota;
  engine::BlobId blob = 0;
  uint64_t size = 0;
  uint64_t delivery = 0;
};

Result<void> put_in(AccountEdit& edit, const Coming& coming, SystemTime now, Placed& placed) {
  const Result<MailboxRow*> into = edit.mailbox_named(coming.to.mailbox);
  if (!into) return std::unexpected(into.error());
  const HeadRow& head = edit.head();
  if (!coming.quota.has_room(head.messages, head.bytes, coming.size))
    return fail(FaultKind::over_quota, "the account is full");
  FlagRow row;
  row.system = coming.message.flags.system & coming.to.may.system;
  row.size = coming.size;
  row.internal_date = coming.message.internal_date;
  row.blob = coming.blob;
  row.delivery = coming.delivery;
  if (coming.to.may.keywords) {
    Result<std::vector<uint8_t>> numbers = keyword_numbers(edit, (*into)->id, coming.message.flags.keywords);
    if (!numbers) return std::unexpected(numbers.error());
    row.keywords = std::move(*numbers);
  }
  const std::string record =
      encode(MessageRow{coming.blob, coming.size, coming.message.internal_date, coming.message.summary});
  const Result<Uid> uid = edit.place(**into, std::move(row), record, now);
  if (!uid) return std::unexpected(uid.error());
  placed = {(*into)->id, (*into)->uid_validity, *uid, 0, 0};
  return {};
}

}  // namespace

Task<Result<std::optional<Leaving>>> MailStore::Impl::look_at_leaving(AccountId account, MailboxId from,
                                                                      Uid uid, bool& loaded) {
  std::vector<Uid> uids{uid};
  if (keep_expunged) {
    Result<std::vector<Uid>> some = co_await load_bodies_to_keep(account, from, uids);
    if (!some) co_return std::unexpected(some.error());
    loaded = loaded || !some->empty();
  }
  Result<std::vector<Source>> found = co_await sources(account, from, uids, keep_expunged);
  if (!found) co_return std::unexpected(found.error());
  if (found->empty()) co_return std::optional<Leaving>();
  Leaving leaving{from, std::move(found->front()), {}, {}};
  if (keep_expunged && leaving.source.row.blob == 0)
    co_return fail(FaultKind::temporary, "the message can't be kept now");
  if (const Result<MessageRow> row = decode_message(leaving.source.record); keep_expunged && row)
    leaving.summary = row->summary;
  if (files != nullptr) {
    Result<PlacesToBe> places = co_await places_to_be(account, from, std::move(uids));
    if (!places) co_return std::unexpected(places.error());
    leaving.places = std::move(*places);
  }
  co_return std::optional<Leaving>(std::move(leaving));
}

// The message stays: its bytes, which were brought back to be kept, are in its file alone again.
Task<void> MailStore::Impl::let_go(AccountId account, MailboxId mailbox, Uid uid) {
  std::function<Result<void>(AccountEdit&)> work = [=](AccountEdit& edit) -> Result<void> {
    const Result<std::optional<FlagRow>> row = edit.message(mailbox, uid);
    if (!row) return std::unexpected(row.error());
    if (*row && (*row)->blob != 0)
      edit.effect({EffectRow::Kind::put, mailbox, uid, std::string(kFromFile), {}});
    return {};
  };
  const Result<void> done = co_await edit(account, std::move(work));
  if (done) co_await carry_out(account);
}

Task<Result<void>> MailStore::Impl::exchange(AccountId account, const Leaving& leaving,
                                             std::vector<engine::Step> steps, AccountId into,
                                             std::function<Result<void>(AccountEdit&)> put,
                                             GroupLimits limits, bool& gone) {
  const SystemTime now = clock.now();
  bool too_much = false;
  const auto take = [&, now](AccountEdit& edit) -> Result<void> {
    const Result<void> taken = take_out(edit, leaving, keep_expunged, now, gone);
    if (!taken) return taken;
    const Result<MailboxRow*> left = edit.mailbox(leaving.mailbox);
    too_much = left && remembers_too_much(**left);
    return {};
  };
  if (into == account) {
    const auto both = [&](AccountEdit& edit) -> Result<void> {
      const Result<void> taken = take(edit);
      return taken ? put(edit) : taken;
    };
    add_counted_edit(steps, account, both, limits);
  } else {
    add_counted_edit(steps, account, take);
    add_counted_edit(steps, into, std::move(put), limits);
  }
  const FlagRow& old = leaving.source.row;
  if (!keep_expunged && old.blob != 0)
    steps.push_back(engine::drop_reference(old.blob, blob_reference(account, old.delivery), old.size));
  Result<void> done = co_await engine.transact(std::move(steps));
  if (done && too_much) co_await forget_expunges(account, leaving.mailbox);
  co_return done;
}

Task<Result<Placed>> MailStore::replace(AccountId account, MailboxId from, Uid old, Target to,
                                        Arriving message, Quota quota, bool& gone) {
  gone = false;
  const Result<std::string> name = check_name(to.mailbox);
  if (!name) co_return fail(FaultKind::not_found, name.error().what);
  to.mailbox = *name;
  const Coming coming{
      to, message.message, quota, message.writer->id(), message.writer->size(), impl_->ids.next()};
  std::vector<std::string> references;
  references.push_back(blob_reference(to.account, coming.delivery));
  const engine::Step seal = message.writer->seal(std::move(references));
  const GroupLimits limits{quota.group_bytes, quota.group_messages};
  Placed placed;
  const SystemTime now = impl_->clock.now();
  Result<void> done;
  bool loaded = false;
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    Result<std::optional<Leaving>> leaving = co_await impl_->look_at_leaving(account, from, old, loaded);
    if (!leaving) {
      done = std::unexpected(leaving.error());
      if (done.error().kind != FaultKind::temporary) break;
      continue;
    }
    gone = !*leaving;
    if (gone) co_return fail(FaultKind::not_found, "the message is gone");
    std::vector<engine::Step> steps;
    steps.push_back(seal);
    std::function<Result<void>(AccountEdit&)> put = [&](AccountEdit& edit) {
      return put_in(edit, coming, now, placed);
    };
    done = co_await impl_->exchange(account, **leaving, std::move(steps), to.account, std::move(put), limits,
                                    gone);
    if (done || done.error().kind != FaultKind::temporary) break;
  }
  if (!done && loaded && !gone) co_await impl_->let_go(account, from, old);
  if (!done) co_return std::unexpected(done.error());
  co_await impl_->carry_out(account);
  if (to.account != account) co_await impl_->carry_out(to.account);
  co_return placed;
}

}  // namespace posthouse::store
