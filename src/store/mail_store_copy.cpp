// COPY and MOVE.
#include <algorithm>

#include "engine/blob.h"
#include "store/across.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

// Bodies of letters in files are in the database for a moment only: another session that works in the same
// files may take them away again before they are copied, and each time it does it has got on itself.
constexpr int kCopyAttempts = 10 * kMaxAttempts;
constexpr milliseconds kMovePatience{1000};  // then a move has as many attempts as anything else

struct Ends {
  MailboxRow* from = nullptr;
  MailboxRow* to = nullptr;
  KeywordTable* from_keywords = nullptr;
  KeywordTable* to_keywords = nullptr;
};

Result<Ends> find_ends(AccountEdit& edit, MailboxId from, const std::string& to) {
  const Result<MailboxRow*> source = edit.mailbox(from);
  if (!source) return std::unexpected(source.error());
  const Result<MailboxRow*> target = edit.mailbox_named(to);
  if (!target) return std::unexpected(target.error());
  const Result<KeywordTable*> source_keywords = edit.keywords(from);
  if (!source_keywords) return std::unexpected(source_keywords.error());
  const Result<KeywordTable*> target_keywords = edit.keywords((*target)->id);
  if (!target_keywords) return std::unexpected(target_keywords.error());
  return Ends{*source, *target, *source_keywords, *target_keywords};
}

// The row as the other mailbox has it. Keywords that do not fit there are left away.
FlagRow translate(FlagRow row, const Ends& ends, const FlagMask& may) {
  row.system &= may.system;
  if (!may.keywords) row.keywords.clear();
  if (row.keywords.empty() || ends.from == ends.to) return row;
  const FlagSet flags = ends.from_keywords->flags(row.system, row.keywords);
  Result<std::vector<uint8_t>> numbers = ends.to_keywords->numbers(flags.keywords);
  row.keywords = numbers ? *numbers : ends.to_keywords->known_numbers(flags.keywords);
  return row;
}

void start(Copied& done, const Ends& ends) {
  done = Copied();
  done.mailbox = ends.to->id;
  done.uid_validity = ends.to->uid_validity;
}

Result<void> copy_messages(AccountEdit& edit, MailboxId from, const MailStore::Target& to,
                           const std::vector<Source>& messages, const std::vector<uint64_t>& deliveries,
                           const Quota& quota, SystemTime saved, Copied& done) {
  const Result<Ends> ends = find_ends(edit, from, to.mailbox);
  if (!ends) return std::unexpected(ends.error());
  const Result<void> room = check_quota(edit.head(), messages, quota);
  if (!room) return room;
  start(done, *ends);
  Result<std::vector<AccountEdit::Message>> there = edit.messages(from, uids_of(messages));
  if (!there) return std::unexpected(there.error());
  if (there->size() != messages.size()) return changed_meanwhile();
  for (size_t i = 0; i < messages.size(); ++i) {
    FlagRow row = translate(std::move((*there)[i].second), *ends, to.may);
    row.blob = messages[i].row.blob;
    row.delivery = deliveries[i];
    const Result<Uid> uid = edit.place(*ends->to, std::move(row), messages[i].record, saved);
    if (!uid) return std::unexpected(uid.error());
    done.from.push_back(messages[i].uid);
    done.to.push_back(*uid);
  }
  return {};
}

// The reference to the blob goes along, so no blob is touched.
Result<void> move_messages(AccountEdit& edit, MailboxId from, const MailStore::Target& to,
                           const std::vector<Source>& messages, SystemTime saved, Copied& done) {
  const Result<Ends> ends = find_ends(edit, from, to.mailbox);
  if (!ends) return std::unexpected(ends.error());
  start(done, *ends);
  const Result<std::vector<AccountEdit::Message>> there = edit.messages(from, uids_of(messages));
  if (!there) return std::unexpected(there.error());
  const auto in_file = [](const AccountEdit::Message& message) { return message.second.blob == 0; };
  if (std::ranges::any_of(*there, in_file)) return changed_meanwhile();
  const Result<void> removed = edit.remove(*ends->from, *there);
  if (!removed) return removed;
  auto source = messages.begin();
  for (const auto& [uid, row] : *there) {
    while (source->uid != uid) ++source;
    const Result<Uid> placed = edit.place(*ends->to, translate(row, *ends, to.may), source->record, saved);
    if (!placed) return std::unexpected(placed.error());
    done.from.push_back(uid);
    done.to.push_back(*placed);
  }
  return {};
}

}  // namespace

std::unexpected<Fault> changed_meanwhile() {
  return fail(FaultKind::temporary, "the messages changed meanwhile; try again");
}

engine::Step refer(AccountId account, const Source& message, std::string reference) {
  engine::Step step = engine::add_reference_beside(
      message.row.blob, MailStore::blob_reference(account, message.row.delivery), std::move(reference));
  return {step.partition, [apply = std::move(step.apply)](engine::Transaction& rows) -> Result<void> {
            Result<void> done = apply(rows);
            if (!done && done.error().kind == FaultKind::not_found) return changed_meanwhile();
            return done;
          }};
}

Result<void> check_quota(const HeadRow& head, const std::vector<Source>& messages, const Quota& quota) {
  uint64_t bytes = 0;
  for (const Source& message : messages) bytes += message.row.size;
  const bool over = (quota.bytes && head.bytes + bytes > *quota.bytes) ||
                    (quota.messages && head.messages + messages.size() > *quota.messages);
  if (over) return fail(FaultKind::over_quota, "the account is full");
  return {};
}

void add_to(Copied& all, Copied part) {
  all.mailbox = part.mailbox;
  all.uid_validity = part.uid_validity;
  std::ranges::move(part.from, std::back_inserter(all.from));
  std::ranges::move(part.to, std::back_inserter(all.to));
}

// Of those in files the bodies are brought into the database before, and others may take them away again.
size_t MailStore::Impl::copied_together(AccountId account) const {
  return in_files(account) ? kPart : kCopyPart;
}

Task<Result<void>> MailStore::Impl::load_to_copy(AccountId account, MailboxId mailbox,
                                                 std::vector<Source>& messages) {
  Result<void> loaded = co_await load_bodies(account, mailbox, messages);
  if (!loaded && loaded.error().kind == FaultKind::not_found) co_return changed_meanwhile();
  co_return loaded;
}

Task<Result<void>> MailStore::Impl::copy_part(AccountId account, MailboxId from, SourceParts& parts,
                                              Target to, Quota quota, Copied& out) {
  const bool across = to.account != account;
  int failures = 0;  // to read the files, which others may have locked
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<Source>> found = co_await parts.read();
    if (!found) co_return std::unexpected(found.error());
    Result<void> loaded = co_await load_to_copy(account, from, *found);
    if (!loaded && loaded.error().kind == FaultKind::temporary && ++failures < kMaxAttempts) continue;
    if (!loaded) co_return loaded;
    const std::vector<Source>& messages = *found;
    std::vector<uint64_t> deliveries;
    std::vector<engine::Step> steps;
    for (const Source& message : messages) {
      deliveries.push_back(ids.next());
      steps.push_back(refer(account, message, blob_reference(to.account, deliveries.back())));
    }
    Carried carried;
    if (across)
      steps.push_back(
          edit_step(account, [&](AccountEdit& edit) { return take_along(edit, from, messages, carried); }));
    Copied part;
    const auto work = [&](AccountEdit& edit) {
      if (across) return put_down(edit, to, messages, carried, deliveries, quota, clock.now(), part);
      return copy_messages(edit, from, to, messages, deliveries, quota, clock.now(), part);
    };
    add_counted_edit(steps, to.account, work, GroupLimits{quota.group_bytes, quota.group_messages});
    Result<void> done = co_await engine.transact(std::move(steps));
    if (done) add_to(out, std::move(part));
    const bool again = !done && done.error().kind == FaultKind::temporary && attempt + 1 < kCopyAttempts;
    if (!again) co_return done;
  }
}

Task<Result<Copied>> MailStore::copy(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                                     Quota quota) {
  return copy(account, from, std::move(uids), std::move(to), quota, Breath());
}

Task<Result<Copied>> MailStore::move(AccountId account, MailboxId from, std::vector<Uid> uids,
                                     std::string to) {
  return move(account, from, std::move(uids), std::move(to), Breath());
}

Task<Result<Copied>> MailStore::copy(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                                     Quota quota, Breath breath) {
  Target target{account, std::move(to), {}};
  return copy(account, from, std::move(uids), std::move(target), quota, std::move(breath));
}

Task<Result<Copied>> MailStore::copy(AccountId account, MailboxId from, std::vector<Uid> uids, Target to,
                                     Quota quota, Breath breath) {
  const Result<std::string> name = check_name(to.mailbox);
  if (!name) co_return fail(FaultKind::not_found, name.error().what);
  to.mailbox = *name;
  Copied all;
  SourceParts parts(impl_->engine, account, from, std::move(uids), impl_->copied_together(account));
  for (; !parts.done(); parts.advance()) {  // one of none still says whether the mailboxes exist
    if (breath) co_await breath(all.from.size());
    Result<void> done = co_await impl_->copy_part(account, from, parts, to, quota, all);
    if (done) continue;
    // All or none: take back what earlier parts did.
    const std::vector<std::vector<Uid>> made = cut_parts(std::move(all.to), kPart);
    for (const std::vector<Uid>& back : made) {
      Result<std::vector<Uid>> undone = co_await impl_->remove_part(to.account, all.mailbox, back, false);
      if (!undone) co_return std::unexpected(undone.error());
    }
    co_await impl_->carry_out(account);
    if (to.account != account) co_await impl_->carry_out(to.account);
    co_return std::unexpected(done.error());
  }
  co_await impl_->carry_out(account);
  if (to.account != account) co_await impl_->carry_out(to.account);
  co_return std::move(all);
}

Task<Result<void>> MailStore::Impl::move_part(AccountId account, MailboxId from, SourceParts& parts,
                                              Target to, Quota quota, Copied& out) {
  Result<void> done;
  const SteadyTime begun = clock.steady();
  for (int attempt = 0; attempt < kCopyAttempts; ++attempt) {
    // Others who only change the messages are past soon; who keeps a file locked has made us wait.
    if (attempt >= kMaxAttempts && clock.steady() - begun > kMovePatience) break;
    auto attempted = to.account == account ? try_move(account, from, parts, to, out)
                                           : try_move_across(account, from, parts, to, quota, out);
    done = co_await attempted;
    if (done || done.error().kind != FaultKind::temporary) break;
  }
  co_return done;
}

Task<Result<void>> MailStore::Impl::try_move(AccountId account, MailboxId from, SourceParts& parts, Target to,
                                             Copied& out) {
  Result<std::vector<Source>> found = co_await parts.read();
  if (!found) co_return std::unexpected(found.error());
  Result<void> loaded = co_await load_to_copy(account, from, *found);
  if (!loaded) co_return loaded;
  Result<PlacesToBe> places = co_await places_to_be(account, from, uids_of(*found));
  if (!places) co_return std::unexpected(places.error());
  Copied part;
  bool too_much = false;
  std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& account_edit) -> Result<void> {
    if (files != nullptr) account_edit.expect_at(*places);
    Result<void> moved = move_messages(account_edit, from, to, *found, clock.now(), part);
    const Result<MailboxRow*> row = account_edit.mailbox(from);
    too_much = row && remembers_too_much(**row);
    return moved;
  };
  Result<void> done = co_await edit(account, std::move(work));
  if (done) add_to(out, std::move(part));
  if (done && too_much) co_await forget_expunges(account, from);
  co_return done;
}

Task<Result<Copied>> MailStore::move(AccountId account, MailboxId from, std::vector<Uid> uids, std::string to,
                                     Breath breath) {
  Target target{account, std::move(to), {}};
  return move(account, from, std::move(uids), std::move(target), Quota(), std::move(breath));
}

Task<Result<Copied>> MailStore::move(AccountId account, MailboxId from, std::vector<Uid> uids, Target to,
                                     Quota quota, Breath breath) {
  const Result<std::string> name = check_name(to.mailbox);
  if (!name) co_return fail(FaultKind::not_found, name.error().what);
  to.mailbox = *name;
  Copied all;
  SourceParts parts(impl_->engine, account, from, std::move(uids), impl_->copied_together(account));
  for (; !parts.done(); parts.advance()) {
    if (breath) co_await breath(all.from.size());
    Result<void> done = co_await impl_->move_part(account, from, parts, to, quota, all);
    if (done) continue;
    co_await impl_->carry_out(account);
    if (to.account != account) co_await impl_->carry_out(to.account);
    co_return std::unexpected(done.error());
  }
  co_await impl_->carry_out(account);
  if (to.account != account) co_await impl_->carry_out(to.account);
  co_return std::move(all);
}

Task<Result<void>> MailStore::Impl::move_all(AccountId account, MailboxId from, std::string to) {
  for (;;) {
    std::vector<Uid> uids;
    std::function<Result<void>(const AccountView&)> look = [&](const AccountView& seen) {
      return seen.for_each(from, 0, UINT32_MAX, [&](Uid uid, const FlagRow&) {
        uids.push_back(uid);
        return uids.size() < kPart;
      });
    };
    Result<void> found = co_await view(account, std::move(look));
    if (!found) co_return found;
    if (uids.empty()) co_return Result<void>();
    Copied moved;
    const Target target{account, to, {}};
    SourceParts part(engine, account, from, std::move(uids), kPart);
    Result<void> done = co_await move_part(account, from, part, target, Quota(), moved);
    if (!done) co_return done;
    if (moved.from.empty()) co_return Result<void>();  // what is left cannot be moved
  }
}

}  // namespace posthouse::store
