// Edits that change how much an account holds: what its group (a domain) holds in all changes in the same
// transaction, and may not pass its own limit.
//
// The count is one row, which every letter to the group changes. It makes no partition slow: the embedded
// engine runs all steps of a group of transactions one after another and writes such a row once for all of
// them. An engine that detects conflicts would want it cut into several rows; only this file would change.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "store/account_edit.h"

namespace posthouse::store {

struct GroupLimits {
  std::optional<uint64_t> bytes;
  std::optional<uint64_t> messages;
};

// Two steps: one edits the account, the other counts, and notes with whom the account shares mailboxes.
// `over_quota` undoes both.
void add_counted_edit(std::vector<engine::Step>& steps, AccountId account,
                      std::function<Result<void>(AccountEdit&)> work, GroupLimits limits = {});

// What an account held before and after; filled by a step, counted by the step behind it.
struct Tally {
  std::string group_before, group_after;
  uint64_t messages_before = 0, bytes_before = 0, messages_after = 0, bytes_after = 0;
  AccountId account = 0;
  SharesChanged shares;  // the rows of the shared partition follow
  void before(const HeadRow& head);
  void after(const HeadRow& head);
};
engine::Step count_step(std::shared_ptr<const Tally> tally, GroupLimits limits = {});

}  // namespace posthouse::store
