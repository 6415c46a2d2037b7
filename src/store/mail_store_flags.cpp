// STORE and EXPUNGE.
#include <algorithm>
#include <utility>

#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

Result<void> update_part(AccountEdit& edit, MailboxId mailbox, const std::vector<Uid>& uids,
                         const FlagUpdate& update, MailStore::Updated& out) {
  const Result<MailboxRow*> row = edit.mailbox(mailbox);
  if (!row) return std::unexpected(row.error());
  const Result<FlagsEdit> plan = plan_update(edit, mailbox, update);
  if (!plan) return std::unexpected(plan.error());
  const Result<KeywordTable*> table = edit.keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  Result<std::vector<AccountEdit::Message>> messages = edit.messages(mailbox, uids);
  if (!messages) return std::unexpected(messages.error());
  out.before = (*row)->highest_modseq;
  std::vector<AccountEdit::FlagsChange> changes;
  changes.reserve(messages->size());
  for (auto& [uid, before] : *messages) {
    if (update.unchanged_since && before.modseq > *update.unchanged_since) {
      out.refused.push_back(uid);
      continue;
    }
    FlagRow after = before;
    after.system = plan->flags(before.system);
    after.keywords = plan->keywords(before.keywords);
    // RFC 7162 section 3.1: a STORE that changes nothing need not raise the MODSEQ.
    const bool changes_it = after.system != before.system || after.keywords != before.keywords;
    if (changes_it) after.modseq = edit.modseq();
    out.updated.emplace_back(uid, after.modseq);
    if (update.tell) out.entries.push_back(make_entry(mailbox, uid, after, **table));
    if (changes_it) changes.push_back({uid, std::move(before), std::move(after)});
  }
  const Result<void> changed = edit.change(**row, changes);
  if (!changed) return changed;
  out.after = (*row)->highest_modseq;
  return {};
}

}  // namespace

Result<FlagsEdit> plan_update(AccountEdit& edit, MailboxId mailbox, const FlagUpdate& update) {
  FlagsEdit plan;
  const bool remove = update.change == FlagChange::remove;
  if (update.change == FlagChange::set) {
    plan.clear = 0xff;
    plan.clear_keywords = true;
  }
  (remove ? plan.clear : plan.add) = update.flags.system;
  plan.clear &= update.may.system;
  plan.add &= update.may.system;
  if (!update.may.keywords) plan.clear_keywords = false;
  if (update.flags.keywords.empty() || !update.may.keywords) return plan;
  const Result<KeywordTable*> table = edit.keywords(mailbox);
  if (!table) return std::unexpected(table.error());
  if (remove) {
    plan.without = (*table)->known_numbers(update.flags.keywords);
    return plan;
  }
  Result<std::vector<uint8_t>> numbers = (*table)->numbers(update.flags.keywords);
  if (!numbers) return std::unexpected(numbers.error());
  plan.with = std::move(*numbers);
  return plan;
}

void add_part(MailStore::Updated part, bool first, MailStore::Updated& all) {
  const bool alone = first || part.before == all.after;
  all.before = alone ? (first ? part.before : all.before) : 0;
  all.after = alone ? part.after : 0;
  std::ranges::move(part.entries, std::back_inserter(all.entries));
  std::ranges::move(part.updated, std::back_inserter(all.updated));
  std::ranges::move(part.refused, std::back_inserter(all.refused));
}

Task<Result<MailStore::Updated>> MailStore::update_flags(AccountId account, MailboxId mailbox,
                                                         std::vector<Uid> uids, FlagUpdate update) {
  Updated all;
  bool first = true;
  Result<void> behind = co_await impl_->update_behind(account, mailbox, uids, update, all, first);
  if (!behind) co_return std::unexpected(behind.error());
  const std::vector<std::vector<Uid>> parts = cut_parts(std::move(uids), kFlagsPart);
  for (const std::vector<Uid>& part : parts) {
    Updated done_part;
    std::function<Result<void>(AccountEdit&)> work = [&](AccountEdit& edit) {
      done_part = Updated();
      return update_part(edit, mailbox, part, update, done_part);
    };
    Result<void> done = co_await impl_->edit(account, std::move(work));
    if (!done) co_return std::unexpected(done.error());
    add_part(std::move(done_part), std::exchange(first, false), all);
  }
  co_await impl_->follow(account, all.updated.size());
  co_return std::move(all);
}

Task<Result<std::vector<Uid>>> MailStore::expunge(AccountId account, MailboxId mailbox,
                                                  std::vector<Uid> uids) {
  return impl_->expunge(account, mailbox, std::move(uids), true);
}

Task<Result<std::vector<Uid>>> MailStore::Impl::expunge(AccountId account, MailboxId mailbox,
                                                        std::vector<Uid> uids, bool only_deleted) {
  std::vector<Uid> went;
  if (uids.size() < hiding.from) {
    Result<void> done = co_await expunge_now(account, mailbox, std::move(uids), only_deleted, went);
    if (!done) co_return std::unexpected(done.error());
    co_await carry_out(account);
    co_return std::move(went);
  }
  const std::vector<std::vector<Uid>> parts = cut_parts(std::move(uids), kHiddenPart);
  for (const std::vector<Uid>& part : parts) {
    Result<std::optional<std::vector<Uid>>> some = co_await hide_part(account, mailbox, part, only_deleted);
    if (!some) co_return std::unexpected(some.error());
    if (*some) {
      went.insert(went.end(), (*some)->begin(), (*some)->end());
      continue;
    }
    Result<void> done = co_await expunge_now(account, mailbox, part, only_deleted, went);
    if (!done) co_return std::unexpected(done.error());
    co_await carry_out(account);
  }
  if (hiding.wake) {
    hiding.wake(account);
  } else {
    Result<void> finished = co_await finish_expunges(account);
    if (finished) finished = co_await finish_flags(account);
    if (finished) finished = co_await purge_dying(account);
    if (!finished) co_return std::unexpected(finished.error());
  }
  co_return std::move(went);
}

Task<Result<void>> MailStore::Impl::expunge_now(AccountId account, MailboxId mailbox, std::vector<Uid> uids,
                                                bool only_deleted, std::vector<Uid>& went) {
  const bool keep = keep_expunged;
  const size_t together = keep && !in_files(account) ? kExpungePart : kPart;
  const std::vector<std::vector<Uid>> parts = cut_parts(std::move(uids), together);
  for (const std::vector<Uid>& part : parts) {
    std::vector<Uid> left = part;
    std::vector<Uid> missed;  // those whose bytes went back to their files meanwhile
    for (int attempt = 0; attempt < kMaxAttempts && !left.empty();) {
      std::vector<Uid> rest;
      auto job = keep ? keep_part(account, mailbox, std::move(left), only_deleted, missed, rest)
                      : remove_part(account, mailbox, std::move(left), only_deleted);
      Result<std::vector<Uid>> done = co_await job;
      if (!done) co_return std::unexpected(done.error());
      went.insert(went.end(), done->begin(), done->end());
      left = std::move(rest);
      if (!left.empty()) continue;
      left = std::exchange(missed, {});
      ++attempt;
    }
  }
  std::ranges::sort(went);
  co_return Result<void>();
}

Task<Result<std::vector<Uid>>> MailStore::Impl::remove_part(AccountId account, MailboxId mailbox,
                                                            std::vector<Uid> uids, bool only_deleted) {
  for (int attempt = 0;; ++attempt) {
    Result<std::vector<Uid>> removed = co_await try_remove(account, mailbox, uids, only_deleted);
    if (!look_again(removed, attempt)) co_return removed;
  }
}

namespace {

// One in a file gets a blob for a moment when another session copies it: whose reference has to go too.
bool has_new_blob(const std::vector<AccountEdit::Message>& there, const std::vector<Source>& seen) {
  auto known = seen.begin();
  for (const auto& [uid, row] : there) {
    while (known->uid != uid) ++known;
    if (row.blob != 0 && row.blob != known->row.blob) return true;
  }
  return false;
}

}  // namespace

// The blobs are looked up first, as each is a partition of its own.
Task<Result<std::vector<Uid>>> MailStore::Impl::try_remove(AccountId account, MailboxId mailbox,
                                                           std::vector<Uid> uids, bool only_deleted) {
  Result<std::vector<Source>> found = co_await sources(account, mailbox, std::move(uids), false);
  if (!found) co_return std::unexpected(found.error());
  // One that gets \Deleted after the look stays for the next time.
  if (only_deleted)
    std::erase_if(*found, [](const Source& source) { return (source.row.system & kDeleted) == 0; });
  const std::vector<Source>& candidates = *found;
  Result<PlacesToBe> places = co_await places_to_be(account, mailbox, uids_of(candidates));
  if (!places) co_return std::unexpected(places.error());
  std::vector<char> went(candidates.size(), 0);
  bool too_much = false;
  std::vector<engine::Step> steps;
  add_counted_edit(steps, account, [&](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    Result<std::vector<AccountEdit::Message>> there = edit.messages(mailbox, uids_of(candidates));
    if (!there) return std::unexpected(there.error());
    std::erase_if(*there, [only_deleted](const AccountEdit::Message& message) {
      return only_deleted && (message.second.system & kDeleted) == 0;
    });
    if (has_new_blob(*there, candidates)) return changed_meanwhile();
    if (files != nullptr) edit.expect_at(*places);
    const Result<void> removed = edit.remove(**row, *there);
    if (!removed) return removed;
    auto next = there->begin();
    for (size_t i = 0; i < candidates.size(); ++i) {
      while (next != there->end() && next->first < candidates[i].uid) ++next;
      went[i] = next != there->end() && next->first == candidates[i].uid;
    }
    too_much = remembers_too_much(**row);
    return {};
  });
  for (size_t i = 0; i < candidates.size(); ++i) {
    const FlagRow& row = candidates[i].row;
    if (row.blob == 0) continue;
    engine::Step drop = engine::drop_reference(row.blob, blob_reference(account, row.delivery), row.size);
    steps.push_back({drop.partition, [&went, i, apply = std::move(drop.apply)](engine::Transaction& rows) {
                       return went[i] ? apply(rows) : Result<void>();
                     }});
  }
  std::vector<Uid> removed;
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (went[i]) removed.push_back(candidates[i].uid);
  }
  if (too_much) co_await forget_expunges(account, mailbox);
  co_return std::move(removed);
}

Task<Result<std::vector<Source>>> MailStore::Impl::sources(AccountId account, MailboxId mailbox,
                                                           std::vector<Uid> uids, bool with_record) {
  Result<std::vector<Source>> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    found = read_sources(reader, account, mailbox, uids, with_record);
    return found ? Result<void>() : std::unexpected(found.error());
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return found;
}

}  // namespace posthouse::store
