// The rights of others: two rows for each entry, and one that leads from the account to the owner.
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/id.h"
#include "store/check.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

Result<void> Checker::check_rights(AccountId account, const std::vector<MailboxRow>& mailboxes) {
  const std::string name = "account " + format_id(account);
  const engine::Partition partition = account_partition(account);
  std::set<MailboxId> there;
  for (const MailboxRow& mailbox : mailboxes) there.insert(mailbox.id);
  std::map<std::pair<MailboxId, AccountId>, std::string> entries;
  Result<void> done = reader_.scan(
      partition, kRightsPrefix, prefix_end(std::string(kRightsPrefix)),
      [&](std::string_view key, std::string_view value) {
        const MailboxId mailbox = mailbox_of_key(key);
        const AccountId who = who_of_rights(key);
        const auto bad = [&](std::string_view what) {
          problem(fmt::format("{} rights of {} in mailbox {}: {}", name, format_id(who), mailbox, what));
        };
        if (const Result<RightsEntry> entry = decode_rights(who, value); !entry) bad(entry.error().what);
        if (!there.contains(mailbox)) bad("there is no such mailbox");
        entries.emplace(std::pair(mailbox, who), value);
        return true;
      });
  if (!done) return done;
  std::set<AccountId> given;
  done = reader_.scan(partition, kGivenPrefix, prefix_end(std::string(kGivenPrefix)),
                      [&](std::string_view key, std::string_view value) {
                        const std::pair of(mailbox_of_given(key), who_of_given(key));
                        given.insert(of.second);
                        const auto found = entries.find(of);
                        if (found == entries.end() || found->second != value) {
                          problem(fmt::format("{} rights of {} in mailbox {}: its two rows differ", name,
                                              format_id(of.second), of.first));
                        }
                        if (found != entries.end()) entries.erase(found);
                        return true;
                      });
  if (!done) return done;
  for (const auto& [of, record] : entries) {
    problem(fmt::format("{} rights of {} in mailbox {}: one of two rows is missing", name,
                        format_id(of.second), of.first));
  }
  for (const AccountId who : given) {
    const Result<std::optional<std::string>> row = reader_.get(kStorePartition, share_key(who, account));
    if (!row) return std::unexpected(row.error());
    if (!*row) problem(fmt::format("{} shares with {}, where nothing leads to it", name, format_id(who)));
  }
  return {};
}

Result<void> Checker::check_shares() {
  return reader_.scan(kStorePartition, kSharePrefix, prefix_end(std::string(kSharePrefix)),
                      [&](std::string_view key, std::string_view) {
                        const AccountId who = who_of_share(key);
                        bool any = false;
                        const Result<void> scanned =
                            reader_.scan(account_partition(owner_of_share(key)), given_begin(who),
                                         given_end(who), [&](std::string_view, std::string_view) {
                                           any = true;
                                           return false;
                                         });
                        if (scanned && !any) {
                          problem(fmt::format("account {} is said to share with {}, and does not",
                                              format_id(owner_of_share(key)), format_id(who)));
                        }
                        return true;
                      });
}

}  // namespace posthouse::store
