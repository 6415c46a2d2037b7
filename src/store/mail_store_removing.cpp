// Removals of all or none (POP3's QUIT), however many messages they are of: what shall go is written down in
// one row, and from then on it goes, some messages in a transaction; after a crash the next start does the
// rest.
#include <algorithm>
#include <utility>

#include "base/id.h"
#include "base/log.h"
#include "store/damage.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"
#include "store/removal_row.h"

namespace posthouse::store {

namespace {

engine::Step write_down(AccountId account, std::string record) {
  return {engine::hints_partition(),
          [account, record = std::move(record)](engine::Transaction& rows) -> Result<void> {
            rows.put(hint_key(kRemovalHint, account), record);
            return {};
          }};
}

// Unless another one was written down meanwhile.
engine::Step cross_out(AccountId account, std::string record) {
  return {engine::hints_partition(),
          [account, record = std::move(record)](engine::Transaction& rows) -> Result<void> {
            const std::string key = hint_key(kRemovalHint, account);
            const Result<std::optional<std::string>> there = rows.get(key);
            if (!there) return std::unexpected(there.error());
            if (*there == record) rows.erase(key);
            return {};
          }};
}

std::vector<Uid> flat(const UidList& list) {
  std::vector<Uid> uids;
  uids.reserve(list.size());
  for (const UidList::Run& run : list.runs()) {
    for (uint32_t i = 0; i < run.count; ++i) uids.push_back(run.first + i);
  }
  return uids;
}

}  // namespace

// So many go in one transaction in any case.
size_t MailStore::Impl::removed_at_once(AccountId account) const {
  if (!keep_expunged) return kPart;
  return in_files(account) ? 1 : kExpungeLook;
}

Task<Result<std::vector<Uid>>> MailStore::remove(AccountId account, MailboxId mailbox,
                                                 std::vector<Uid> uids) {
  std::ranges::sort(uids);
  const auto doubles = std::ranges::unique(uids);
  uids.erase(doubles.begin(), doubles.end());
  if (uids.size() <= impl_->removed_at_once(account)) {
    co_return co_await impl_->remove_all(account, mailbox, std::move(uids));
  }
  // One that came to a halt in the middle comes to its end first: there is one row for them.
  Result<void> earlier = co_await impl_->finish_removal(account);
  if (!earlier) co_return std::unexpected(earlier.error());
  Result<MailboxInfo> info = co_await this->mailbox(account, mailbox);
  if (!info) co_return std::unexpected(info.error());
  RemovalRow row{mailbox, info->uid_validity, {}};
  for (const Uid uid : uids) row.uids.append(uid);
  const std::string record = encode(row);
  std::vector<engine::Step> first;
  first.push_back(write_down(account, record));
  Result<void> decided = co_await impl_->engine.transact(std::move(first));
  if (!decided) co_return std::unexpected(decided.error());
  Result<std::vector<Uid>> went = co_await impl_->remove_all(account, mailbox, std::move(uids));
  if (!went) co_return went;
  std::vector<engine::Step> last;
  last.push_back(cross_out(account, record));
  Result<void> done = co_await impl_->engine.transact(std::move(last));
  // They are gone; a row that stays finds nothing to do.
  if (!done)
    log::warn("store.removal_not_noted", {{"account", format_id(account)}, {"reason", done.error().what}});
  co_return went;
}

// A success only when all are gone: an expunge leaves what it can't keep as it should.
Task<Result<std::vector<Uid>>> MailStore::Impl::remove_all(AccountId account, MailboxId mailbox,
                                                           std::vector<Uid> uids) {
  Result<std::vector<Uid>> went = co_await expunge(account, mailbox, uids, false);
  if (!went || went->size() == uids.size()) co_return went;
  size_t left = 0;
  std::function<Result<void>(const AccountView&)> look = [&](const AccountView& rows) {
    return rows.for_these(mailbox, uids, [&left](Uid, const FlagRow&) { ++left; });
  };
  Result<void> seen = co_await view(account, std::move(look));
  if (!seen) co_return std::unexpected(seen.error());
  if (left > 0) co_return fail(FaultKind::temporary, "messages can't be removed now");
  co_return went;
}

Task<Result<void>> MailStore::Impl::finish_removal(AccountId account) {
  Result<std::optional<std::string>> found =
      co_await engine.fetch(engine::hints_partition(), hint_key(kRemovalHint, account));
  if (!found) co_return std::unexpected(found.error());
  if (!*found) co_return Result<void>();
  const std::string record = std::move(**found);
  Result<RemovalRow> row = decode_removal(record);
  if (!row) {
    report_damage(row.error(), account, 0, 0);
  } else {
    std::optional<MailboxInfo> info;
    std::function<Result<void>(const AccountView&)> look = [&](const AccountView& rows) -> Result<void> {
      Result<MailboxInfo> there = rows.mailbox(row->mailbox);
      if (!there) return std::unexpected(there.error());
      info = std::move(*there);
      return {};
    };
    Result<void> seen = co_await view(account, std::move(look));
    if (!seen && seen.error().kind != FaultKind::not_found) co_return seen;
    if (info && info->uid_validity == row->uid_validity) {
      std::vector<Uid> uids = flat(row->uids);
      Result<std::vector<Uid>> went = co_await remove_all(account, row->mailbox, std::move(uids));
      if (!went) co_return std::unexpected(went.error());
      log::info("store.removal_finished", {{"account", format_id(account)}, {"messages", went->size()}});
    }
  }
  std::vector<engine::Step> steps;
  steps.push_back(cross_out(account, record));
  Result<void> done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::Impl::finish_removals() {
  Result<std::vector<AccountId>> accounts = co_await hinted(kRemovalHint);
  if (!accounts) co_return std::unexpected(accounts.error());
  for (const AccountId account : *accounts) {
    Result<void> done = co_await finish_removal(account);
    // Its files may be away; the others don't wait for them.
    if (!done)
      log::warn("store.removal_not_finished",
                {{"account", format_id(account)}, {"reason", done.error().what}});
  }
  co_return Result<void>();
}

}  // namespace posthouse::store
