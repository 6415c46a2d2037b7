// Groups: what the accounts of a domain hold together (counted_edit.h has the daily counting).
#include "store/mail_store.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// Written once all accounts of a store that was made before there were groups have one.
constexpr std::string_view kGroupedKey = "U";

// What one account adds to the count of the group it is in.
engine::Step add_member(AccountId account, const std::string& group, GroupRow& counted) {
  return {account_partition(account), [&group, &counted](engine::Transaction& rows) -> Result<void> {
            const Result<std::optional<std::string>> record = rows.get(kHeadKey);
            if (!record) return std::unexpected(record.error());
            const Result<HeadRow> head = decode_head(record->value_or(""));
            if (!*record || !head || head->group != group) return {};
            counted.messages += head->messages;
            counted.bytes += head->bytes;
            return {};
          }};
}

}  // namespace

// Also says again what the hints may have lost.
Task<Result<void>> MailStore::set_group(AccountId account, std::string group) {
  std::vector<engine::Step> steps;
  add_counted_edit(steps, account, [group](AccountEdit& edit) -> Result<void> {
    edit.head().group = group;
    if (edit.head().kept_messages > 0) edit.hint_kept();
    return {};
  });
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

Task<Result<Usage>> MailStore::group_usage(std::string group) {
  Result<std::optional<std::string>> record = co_await impl_->engine.fetch(kStorePartition, group_key(group));
  if (!record) co_return std::unexpected(record.error());
  Usage usage;
  if (!*record) co_return usage;
  const Result<GroupRow> row = decode_group(**record);
  if (!row) co_return std::unexpected(row.error());
  usage.messages = row->messages;
  usage.bytes = row->bytes;
  co_return usage;
}

Task<Result<Usage>> MailStore::recount_group(std::string group, std::vector<AccountId> members) {
  GroupRow counted;
  std::vector<engine::Step> steps;
  steps.reserve(members.size() + 2);
  steps.push_back({kStorePartition, [&counted](engine::Transaction&) -> Result<void> {
                     counted = GroupRow();
                     return {};
                   }});
  for (const AccountId member : members) steps.push_back(add_member(member, group, counted));
  steps.push_back({kStorePartition, [&](engine::Transaction& rows) -> Result<void> {
                     rows.put(group_key(group), encode(counted));
                     return {};
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  if (!done) co_return std::unexpected(done.error());
  Usage usage;
  usage.messages = counted.messages;
  usage.bytes = counted.bytes;
  co_return usage;
}

Task<Result<bool>> MailStore::has_groups() {
  Result<std::optional<std::string>> mark =
      co_await impl_->engine.fetch(kStorePartition, std::string(kGroupedKey));
  if (!mark) co_return std::unexpected(mark.error());
  co_return mark->has_value();
}

Task<Result<void>> MailStore::note_groups() {
  std::vector<engine::Step> steps;
  steps.push_back({kStorePartition, [](engine::Transaction& rows) -> Result<void> {
                     rows.put(kGroupedKey, empty_record());
                     return {};
                   }});
  Result<void> done = co_await impl_->engine.transact(std::move(steps));
  co_return done;
}

}  // namespace posthouse::store
