// Rights of others in an account's mailboxes, and who shares with whom (store/rights.h).
#include <algorithm>
#include <set>

#include "store/damage.h"
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// A damaged entry is reported, and gives nothing.
RightsEntry read_entry(const Result<std::optional<std::string>>& record, AccountId owner, AccountId who,
                       MailboxId mailbox) {
  if (!record || !*record) return {who, 0, 0};
  Result<RightsEntry> entry = decode_rights(who, **record);
  if (entry) return *entry;
  report_damage(entry.error(), owner, mailbox, 0);
  return {who, 0, kAllRights};
}

Result<void> each_given(const engine::Reader& reader, AccountId owner, AccountId who,
                        const std::function<void(MailboxId, const RightsEntry&)>& visit) {
  return reader.scan(account_partition(owner), given_begin(who), given_end(who),
                     [&](std::string_view key, std::string_view value) {
                       const MailboxId mailbox = mailbox_of_given(key);
                       visit(mailbox, read_entry(std::optional(std::string(value)), owner, who, mailbox));
                       return true;
                     });
}

Result<void> each_share(const engine::Reader& reader, AccountId who,
                        const std::function<void(AccountId)>& visit) {
  return reader.scan(kStorePartition, shares_begin(who), shares_end(who),
                     [&](std::string_view key, std::string_view) {
                       visit(owner_of_share(key));
                       return true;
                     });
}

// "" of an account that is in none, or whose head can't be read.
std::string group_of(const engine::Reader& reader, AccountId account) {
  const auto record = reader.get(account_partition(account), kHeadKey);
  if (!record || !*record) return "";
  Result<HeadRow> head = decode_head(**record);
  return head ? std::move(head->group) : "";
}

// Of one owner, whose rows are the ones that are right.
engine::Step settle_shares_step(AccountId owner, const std::set<AccountId>& who) {
  return {kStorePartition, [owner, &who](engine::Transaction& rows) -> Result<void> {
            for (const AccountId one : who) rows.put(share_key(one, owner), empty_record());
            return {};
          }};
}

Result<std::set<AccountId>> given_by(const engine::Reader& reader, AccountId owner) {
  std::set<AccountId> who;
  const Result<void> scanned =
      reader.scan(account_partition(owner), kGivenPrefix, prefix_end(std::string(kGivenPrefix)),
                  [&](std::string_view key, std::string_view) {
                    who.insert(who_of_given(key));
                    return true;
                  });
  if (!scanned) return std::unexpected(scanned.error());
  return who;
}

}  // namespace

Task<Result<std::vector<RightsEntry>>> MailStore::rights_entries(AccountId owner, MailboxId mailbox) {
  std::vector<RightsEntry> found;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return reader.scan(account_partition(owner), rights_begin(mailbox), rights_end(mailbox),
                       [&](std::string_view key, std::string_view value) {
                         const Result<RightsEntry> entry = decode_rights(who_of_rights(key), value);
                         if (entry) {
                           found.push_back(*entry);
                         } else {
                           report_damage(entry.error(), owner, mailbox, 0);
                         }
                         return true;
                       });
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(found);
}

Task<Result<void>> MailStore::change_rights(AccountId owner, MailboxId mailbox, AccountId who, bool denied,
                                            RightsChange change, Rights rights) {
  std::vector<engine::Step> steps;
  add_counted_edit(steps, owner, [=](AccountEdit& edit) -> Result<void> {
    const Result<MailboxRow*> row = edit.mailbox(mailbox);
    if (!row) return std::unexpected(row.error());
    return edit.change_rights(mailbox, who, denied, change, rights);
  });
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

Task<Result<Rights>> MailStore::rights_of(AccountId owner, MailboxId mailbox, AccountId who, bool as_anyone) {
  Rights rights = 0;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const auto own = reader.get(account_partition(owner), rights_key(mailbox, who));
    if (!own) return std::unexpected(own.error());
    const auto anyone = reader.get(account_partition(owner), rights_key(mailbox, kAnyone));
    if (!anyone) return std::unexpected(anyone.error());
    const RightsEntry of_all = read_entry(anyone, owner, kAnyone, mailbox);
    rights = combine(read_entry(own, owner, who, mailbox), as_anyone ? of_all : RightsEntry());
    return {};
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return rights;
}

Task<Result<std::map<MailboxId, Rights>>> MailStore::all_rights_of(AccountId owner, AccountId who,
                                                                   bool as_anyone) {
  std::map<MailboxId, std::pair<RightsEntry, RightsEntry>> entries;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    Result<void> read = each_given(reader, owner, who, [&](MailboxId mailbox, const RightsEntry& entry) {
      entries[mailbox].first = entry;
    });
    if (!read || !as_anyone) return read;
    return each_given(reader, owner, kAnyone,
                      [&](MailboxId mailbox, const RightsEntry& entry) { entries[mailbox].second = entry; });
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  std::map<MailboxId, Rights> out;
  for (const auto& [mailbox, both] : entries) {
    if (const Rights rights = combine(both.first, both.second); rights != 0) out.emplace(mailbox, rights);
  }
  co_return std::move(out);
}

// Who gives to everybody of another group is dropped here, where that costs one row: on a host with many
// domains these are the most. An account that is in no group is not.
Task<Result<std::vector<MailStore::Sharer>>> MailStore::sharers(AccountId who) {
  std::map<AccountId, Sharer> found;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<void> read = each_share(reader, who, [&](AccountId owner) { found[owner].with_account = true; });
    if (!read) return read;
    std::vector<AccountId> to_all;
    read = each_share(reader, kAnyone, [&](AccountId owner) { to_all.push_back(owner); });
    if (!read || to_all.empty()) return read;
    const std::string group = group_of(reader, who);
    for (const AccountId owner : to_all) {
      const std::string theirs = group.empty() ? "" : group_of(reader, owner);
      if (theirs.empty() || theirs == group) found[owner].with_anyone = true;
    }
    return {};
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  found.erase(who);
  std::vector<Sharer> out;
  for (auto& [owner, sharer] : found) {
    sharer.owner = owner;
    out.push_back(sharer);
  }
  co_return std::move(out);
}

Task<Result<MailStore::Sharer>> MailStore::sharer(AccountId who, AccountId owner) {
  Sharer found;
  found.owner = owner;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    const auto own = reader.get(kStorePartition, share_key(who, owner));
    if (!own) return std::unexpected(own.error());
    const auto anyone = reader.get(kStorePartition, share_key(kAnyone, owner));
    if (!anyone) return std::unexpected(anyone.error());
    found.with_account = own->has_value();
    found.with_anyone = anyone->has_value();
    return {};
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done) co_return std::unexpected(done.error());
  co_return found;
}

// What the account gave, and was given, goes with it.
Task<Result<void>> MailStore::Impl::forget_shares(AccountId account) {
  std::set<AccountId> given;
  std::vector<AccountId> owners;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    Result<std::set<AccountId>> found = given_by(reader, account);
    if (!found) return std::unexpected(found.error());
    given = std::move(*found);
    return each_share(reader, account, [&](AccountId owner) { owners.push_back(owner); });
  };
  Result<void> done = co_await engine.read(std::move(look));
  if (!done) co_return done;
  std::vector<engine::Step> steps;
  for (const AccountId owner : owners) {
    steps.push_back({account_partition(owner),
                     [account](engine::Transaction& rows) { return erase_given(rows, account); }});
  }
  steps.push_back({kStorePartition, [&, account](engine::Transaction& rows) -> Result<void> {
                     for (const AccountId who : given) rows.erase(share_key(who, account));
                     for (const AccountId owner : owners) rows.erase(share_key(account, owner));
                     return {};
                   }});
  done = co_await engine.transact(std::move(steps));
  co_return done;
}

Task<Result<void>> MailStore::settle_shares(std::vector<AccountId> accounts) {
  const std::set<AccountId> known(accounts.begin(), accounts.end());
  for (const AccountId owner : known) {
    std::set<AccountId> who;
    std::function<Result<void>(const engine::Reader&)> look =
        [&](const engine::Reader& reader) -> Result<void> {
      Result<std::set<AccountId>> found = given_by(reader, owner);
      if (!found) return std::unexpected(found.error());
      who = std::move(*found);
      return {};
    };
    Result<void> done = co_await impl_->engine.read(std::move(look));
    if (!done) co_return done;
    if (who.empty()) continue;
    std::vector<engine::Step> steps;
    steps.push_back(settle_shares_step(owner, who));
    done = co_await impl_->engine.transact(std::move(steps));
    if (!done) co_return done;
  }
  // Those that lead nowhere.
  std::vector<std::string> stale;
  std::function<Result<void>(const engine::Reader&)> look =
      [&](const engine::Reader& reader) -> Result<void> {
    std::map<AccountId, std::set<AccountId>> by_owner;
    std::optional<Fault> fault;
    const Result<void> scanned =
        reader.scan(kStorePartition, kSharePrefix, prefix_end(std::string(kSharePrefix)),
                    [&](std::string_view key, std::string_view) {
                      const AccountId owner = owner_of_share(key);
                      if (!by_owner.contains(owner)) {
                        Result<std::set<AccountId>> given = given_by(reader, owner);
                        if (!given) fault = given.error();
                        by_owner[owner] = given ? std::move(*given) : std::set<AccountId>();
                      }
                      if (!by_owner[owner].contains(who_of_share(key))) stale.emplace_back(key);
                      return !fault;
                    });
    if (fault) return std::unexpected(*fault);
    return scanned;
  };
  Result<void> done = co_await impl_->engine.read(std::move(look));
  if (!done || stale.empty()) co_return done;
  std::vector<engine::Step> steps;
  steps.push_back({kStorePartition, [&stale](engine::Transaction& rows) -> Result<void> {
                     for (const std::string& key : stale) rows.erase(key);
                     return {};
                   }});
  done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::store
