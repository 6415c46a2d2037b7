// EXPUNGE of many messages: one row says that they are gone, and their own rows follow behind the answer
// (store/expunged_row.h).
#include <algorithm>
#include <set>

#include "base/id.h"
#include "base/log.h"
#include "store/limits.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// What one transaction finishes.
struct Unfinished {
  MailboxId mailbox = 0;
  SystemTime when{};
  bool keep = false;
  std::vector<Uid> uids;
  std::vector<Entry> entries;  // with summaries, if they are kept
};

// The first part behind what was tried already.
std::optional<Unfinished> pick(const std::vector<std::pair<MailboxId, ExpungedRow>>& rows,
                               const std::set<std::pair<MailboxId, Uid>>& tried) {
  for (const auto& [mailbox, row] : rows) {
    for (const ExpungedRow::Part& part : row.parts) {
      Unfinished found{mailbox, part.when, part.keep, {}, {}};
      for (uint32_t i = 1; i <= part.uids.size() && found.uids.size() < kFinishPart; ++i) {
        if (!tried.contains({mailbox, part.uids.at(i)})) found.uids.push_back(part.uids.at(i));
      }
      if (!found.uids.empty()) return found;
    }
  }
  return std::nullopt;
}

// Only what another has not finished meanwhile.
std::vector<Uid> still_hidden(const ExpungedRow& row, const std::vector<Uid>& uids) {
  std::vector<Uid> left;
  std::ranges::copy_if(uids, std::back_inserter(left), [&](Uid uid) { return row.contains(uid); });
  return left;
}

bool is_gone(const Fault& fault) {
  return fault.kind == FaultKind::not_found || fault.kind == FaultKind::temporary;
}

}  // namespace

void MailStore::on_hidden(std::function<void(AccountId)> wake, size_t from,
                          std::function<void(AccountId)> later) {
  impl_->hiding.wake_later = std::move(later);
  impl_->hiding.wake = std::move(wake);
  impl_->hiding.from = from;
}

Task<Result<void>> MailStore::finish_expunges() {
  Result<std::vector<AccountId>> accounts = co_await impl_->hinted(kPurgeHint);
  if (!accounts) co_return std::unexpected(accounts.error());
  Result<void> all;
  for (const AccountId account : *accounts) {
    if (impl_->hiding.ending) break;
    Result<void> done = co_await impl_->finish_flags(account);
    if (done) done = co_await impl_->finish_expunges(account);
    if (done) done = co_await impl_->purge_dying(account);
    if (!done) all = done;
  }
  co_return all;
}

void MailStore::end_finishing() {
  impl_->hiding.ending = true;
}

Task<Result<std::optional<std::vector<Uid>>>> MailStore::Impl::hide_part(AccountId account, MailboxId mailbox,
                                                                         const std::vector<Uid>& uids,
                                                                         bool only_deleted) {
  std::optional<std::vector<Uid>> went;
  bool too_much = false;
  const SystemTime now = clock.now();
  std::vector<engine::Step> steps;
  add_counted_edit(steps, account, [&, now](AccountEdit& edit) -> Result<void> {
    went.reset();
    if (!hiding.allowed(account)) return {};
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    Result<std::vector<AccountEdit::Message>> messages = edit.messages(mailbox, uids);
    if (!messages) return std::unexpected(messages.error());
    std::erase_if(*messages, [only_deleted](const AccountEdit::Message& message) {
      return only_deleted && (message.second.system & kDeleted) == 0;
    });
    const Result<bool> hidden = edit.hide(**row, *messages, now, keep_expunged);
    if (!hidden) return std::unexpected(hidden.error());
    if (!*hidden) return {};
    went.emplace();
    went->reserve(messages->size());
    for (const AccountEdit::Message& message : *messages) went->push_back(message.first);
    too_much = remembers_too_much(**row);
    return {};
  });
  Result<void> done = co_await engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  if (went && too_much) co_await forget_expunges(account, mailbox);
  co_return std::move(went);
}

// Of those in files the bytes are brought into the database if they are to be kept. One that can't be read
// now waits for the next time; `waits` gets it. Who took one out of the files has removed it for good.
Task<Result<void>> MailStore::Impl::load_hidden(AccountId account, MailboxId mailbox,
                                                std::vector<Source>& messages, std::vector<Uid>& waits) {
  Result<void> together = co_await load_bodies(account, mailbox, messages, true);
  if (together) co_return together;
  for (const Source& message : messages) {
    if (message.row.blob != 0) continue;
    std::vector<Source> one{message};
    Result<void> loaded = co_await load_bodies(account, mailbox, one, true);
    if (loaded || is_gone(loaded.error())) continue;
    log::warn("store.expunged_waits", {{"account", format_id(account)},
                                       {"mailbox", mailbox},
                                       {"uid", message.uid},
                                       {"what", loaded.error().what}});
    waits.push_back(message.uid);
  }
  co_return Result<void>();
}

Task<Result<void>> MailStore::Impl::finish_expunges(AccountId account) {
  std::set<std::pair<MailboxId, Uid>> tried;
  while (!hiding.ending) {
    std::optional<Unfinished> part;
    std::vector<Source> messages;
    std::function<Result<void>(const engine::Reader&)> look =
        [&](const engine::Reader& reader) -> Result<void> {
      const AccountView seen(reader, account, AccountView::Expunged::shown);
      const Result<std::vector<std::pair<MailboxId, ExpungedRow>>> rows = seen.unfinished_expunges();
      if (!rows) return std::unexpected(rows.error());
      part = pick(*rows, tried);
      if (!part) return {};
      if (part->keep) {
        std::vector<Uid> rest;
        Result<std::vector<Entry>> read = with_summaries(seen, part->mailbox, part->uids, rest);
        if (!read) return std::unexpected(read.error());
        part->entries = std::move(*read);
      }
      return seen.for_these(part->mailbox, part->uids, [&](Uid uid, const FlagRow& row) {
        messages.push_back({uid, row, std::string()});
      });
    };
    Result<void> seen = co_await engine.read(std::move(look));
    if (!seen) co_return seen;
    if (!part) break;
    for (const Uid uid : part->uids) tried.emplace(part->mailbox, uid);
    std::vector<Uid> waits;
    if (part->keep && in_files(account)) {
      Result<void> loaded = co_await load_hidden(account, part->mailbox, messages, waits);
      if (!loaded) co_return loaded;
    }
    std::erase_if(part->uids, [&](Uid uid) { return std::ranges::binary_search(waits, uid); });
    Result<void> done = co_await finish_part(account, part->mailbox, part->when, part->keep, part->uids,
                                             part->entries, messages);
    if (!done) co_return done;
  }
  if (!tried.empty()) co_await carry_out(account);
  co_return Result<void>();
}

Task<Result<void>> MailStore::Impl::finish_part(AccountId account, MailboxId mailbox, SystemTime when,
                                                bool keep, const std::vector<Uid>& uids,
                                                const std::vector<Entry>& entries,
                                                const std::vector<Source>& messages) {
  for (int attempt = 0;; ++attempt) {
    Result<void> done = co_await try_finish(account, mailbox, when, keep, uids, entries, messages);
    if (!look_again(done, attempt)) co_return done;
  }
}

// Those of a mailbox that was deleted meanwhile go with it.
Task<Result<void>> MailStore::Impl::try_finish(AccountId account, MailboxId mailbox, SystemTime when,
                                               bool keep, const std::vector<Uid>& uids,
                                               const std::vector<Entry>& entries,
                                               const std::vector<Source>& messages) {
  Result<PlacesToBe> places = co_await places_to_be(account, mailbox, uids);
  if (!places) co_return std::unexpected(places.error());
  std::vector<Uid> went;
  std::vector<engine::Step> steps;
  steps.push_back(edit_step(account, [&, when, keep](AccountEdit& edit) -> Result<void> {
    went.clear();
    edit.show_hidden();
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row && row.error().kind == FaultKind::not_found) return {};
    if (!row) return std::unexpected(row.error());
    const Result<KeywordTable*> table = edit.keywords(mailbox);
    if (!table) return std::unexpected(table.error());
    const Result<ExpungedRow*> hidden = edit.hidden(mailbox);
    if (!hidden) return std::unexpected(hidden.error());
    went = still_hidden(**hidden, uids);
    if (keep) {
      const Result<std::vector<AccountEdit::Message>> rows = edit.messages(mailbox, went);
      if (!rows) return std::unexpected(rows.error());
      for (const auto& [uid, message] : *rows) {
        edit.keep(KeptPlace{when, mailbox, uid}, (*row)->name, **table, message, summary_of(entries, uid));
      }
    }
    if (files != nullptr) edit.expect_at(*places);
    return edit.finish(**row, went);
  }));
  for (const Source& message : messages) {
    if (keep || message.row.blob == 0) continue;
    engine::Step drop = engine::drop_reference(
        message.row.blob, blob_reference(account, message.row.delivery), message.row.size);
    steps.push_back({drop.partition,
                     [&went, uid = message.uid, apply = std::move(drop.apply)](engine::Transaction& rows) {
                       return std::ranges::binary_search(went, uid) ? apply(rows) : Result<void>();
                     }});
  }
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::store
