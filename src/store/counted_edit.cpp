#include "store/counted_edit.h"

#include <algorithm>

#include "store/damage.h"
#include "store/mail_store_impl.h"

namespace posthouse::store {

namespace {

// An unreadable count begins anew; the check tells that it is wrong.
Result<GroupRow> load_group(const engine::Transaction& rows, const std::string& group) {
  const Result<std::optional<std::string>> record = rows.get(group_key(group));
  if (!record) return std::unexpected(record.error());
  if (!*record) return GroupRow();
  Result<GroupRow> row = decode_group(**record);
  if (row) return row;
  report_damage(row.error(), 0, 0, 0);
  return GroupRow();
}

uint64_t less(uint64_t count, uint64_t by) {
  return count - std::min(count, by);
}

bool passes(const std::optional<uint64_t>& limit, uint64_t count, uint64_t before) {
  return limit && count > before && count > *limit;
}

// A domain without letters needs no row, and one that was removed leaves none.
void put_group(engine::Transaction& rows, const std::string& group, const GroupRow& row) {
  if (row.messages == 0 && row.bytes == 0) {
    rows.erase(group_key(group));
  } else {
    rows.put(group_key(group), encode(row));
  }
}

Result<void> add(engine::Transaction& rows, const std::string& group, uint64_t messages, uint64_t bytes) {
  Result<GroupRow> row = load_group(rows, group);
  if (!row) return std::unexpected(row.error());
  row->messages += messages;
  row->bytes += bytes;
  put_group(rows, group, *row);
  return {};
}

Result<void> subtract(engine::Transaction& rows, const std::string& group, uint64_t messages,
                      uint64_t bytes) {
  Result<GroupRow> row = load_group(rows, group);
  if (!row) return std::unexpected(row.error());
  row->messages = less(row->messages, messages);
  row->bytes = less(row->bytes, bytes);
  put_group(rows, group, *row);
  return {};
}

// Counters that damage left too small stop at zero.
Result<void> change(engine::Transaction& rows, const Tally& tally, const GroupLimits& limits) {
  Result<GroupRow> row = load_group(rows, tally.group_after);
  if (!row) return std::unexpected(row.error());
  const GroupRow before = *row;
  row->messages = less(before.messages, tally.messages_before) + tally.messages_after;
  row->bytes = less(before.bytes, tally.bytes_before) + tally.bytes_after;
  if (passes(limits.messages, row->messages, before.messages) ||
      passes(limits.bytes, row->bytes, before.bytes)) {
    return fail(FaultKind::over_quota, "the domain is full");
  }
  put_group(rows, tally.group_after, *row);
  return {};
}

Result<void> count(engine::Transaction& rows, const Tally& tally, const GroupLimits& limits) {
  if (tally.group_before == tally.group_after) {
    const bool same =
        tally.messages_before == tally.messages_after && tally.bytes_before == tally.bytes_after;
    if (tally.group_after.empty() || same) return {};
    return change(rows, tally, limits);
  }
  Result<void> done;
  if (!tally.group_before.empty())
    done = subtract(rows, tally.group_before, tally.messages_before, tally.bytes_before);
  if (done && !tally.group_after.empty())
    done = add(rows, tally.group_after, tally.messages_after, tally.bytes_after);
  return done;
}

}  // namespace

void Tally::before(const HeadRow& head) {
  group_before = head.group;
  messages_before = head.messages;
  bytes_before = head.bytes;
}

void Tally::after(const HeadRow& head) {
  group_after = head.group;
  messages_after = head.messages;
  bytes_after = head.bytes;
}

engine::Step count_step(std::shared_ptr<const Tally> tally, GroupLimits limits) {
  return engine::Step{kStorePartition, [tally = std::move(tally), limits](engine::Transaction& rows) {
                        follow_shares(rows, tally->account, tally->shares);
                        return count(rows, *tally, limits);
                      }};
}

void add_counted_edit(std::vector<engine::Step>& steps, AccountId account,
                      std::function<Result<void>(AccountEdit&)> work, GroupLimits limits) {
  auto tally = std::make_shared<Tally>();
  tally->account = account;
  steps.push_back(edit_step(account, [tally, work = std::move(work)](AccountEdit& edit) -> Result<void> {
    tally->before(edit.head());
    Result<void> done = work(edit);
    tally->after(edit.head());
    tally->shares = edit.shares_changed();
    return done;
  }));
  steps.push_back(count_step(std::move(tally), limits));
}

}  // namespace posthouse::store
