// What has to be put in order after damage, by whom it belongs to.
#include <algorithm>
#include <filesystem>
#include <map>

#include "app/core/core.h"
#include "app/limits.h"
#include "base/log.h"
#include "directory/records.h"
#include "engine/partition_copy.h"
#include "net/loop.h"
#include "store/file_rows.h"

namespace posthouse::app {
namespace {

// The others may still be put in order.
bool is_fatal(const Fault& fault) {
  return fault.kind == FaultKind::io || fault.kind == FaultKind::no_space;
}

bool touched(const std::vector<engine::PartitionRange>& lost, engine::PartitionKind kind) {
  return std::any_of(lost.begin(), lost.end(), [kind](const engine::PartitionRange& range) {
    return range.first <= engine::Partition{kind, UINT64_MAX} && engine::Partition{kind, 0} <= range.last;
  });
}

bool is_there(const store::FilePlace& place) {
  std::error_code error;
  return std::filesystem::exists(place.inbox, error) ||
         (!place.folders.empty() && std::filesystem::exists(place.folders, error));
}

// The row that says where an account's files are may be among the lost ones: then they are where the
// configuration would have put them, if there are some.
Task<Result<void>> restore_place(Core& core, uint64_t account, std::string address) {
  const engine::Partition partition = store::account_partition(account);
  Result<std::optional<std::string>> row =
      co_await core.engine.fetch(partition, std::string(store::kFilePlaceKey));
  if (!row) co_return std::unexpected(row.error());
  if (*row && store::decode_file_place(**row)) {
    core.mirror.adopt(account);
    co_return Result<void>();
  }
  if (!core.mirror.keeps(account)) {
    // Not one of those whose row was read; but if nothing is left of its messages, that says nothing. A copy
    // that a conversion left is taken in then, too: better twice than not at all.
    const auto usage = co_await core.store.usage(account);
    if (*row || (usage && usage->messages > 0)) co_return Result<void>();
  }
  std::vector<store::FilePlace> found;
  for (const std::string_view format : {"maildir", "mbox"}) {
    Result<store::FilePlace> place = core.places.of(format, address);
    if (place && is_there(*place)) found.push_back(std::move(*place));
  }
  if (found.empty() && !core.mirror.keeps(account)) co_return Result<void>();
  if (found.size() != 1) {
    log::error("store.files_not_found", {{"account", address}, {"places", found.size()}});
    co_return Result<void>();
  }
  log::warn("store.files_found", {{"account", address}, {"path", found[0].inbox}});
  std::vector<engine::Step> steps;
  steps.push_back({partition, [record = store::encode(found[0])](engine::Transaction& rows) -> Result<void> {
                     rows.put(store::kFilePlaceKey, record);
                     return {};
                   }});
  Result<void> put = co_await core.engine.transact(std::move(steps));
  if (put) core.mirror.adopt(account);
  co_return put;
}

}  // namespace

std::vector<uint64_t> accounts_with_rows(const engine::Reader& reader) {
  std::vector<uint64_t> out;
  static_cast<void>(reader.partitions(engine::PartitionKind::account, 0, [&out](uint64_t id) {
    out.push_back(id);
    return true;
  }));
  return out;
}

std::string group_of(std::string_view address) {
  const size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string() : std::string(address.substr(at + 1));
}

Task<Result<void>> Core::group_accounts(bool anew) {
  if (!anew) {
    Result<bool> done = co_await store.has_groups();
    if (!done) co_return std::unexpected(done.error());
    if (*done) co_return Result<void>();
  }
  auto accounts = co_await directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  std::map<std::string, std::vector<uint64_t>> members;
  for (const auto& account : *accounts) {
    const std::string group = group_of(account.address);
    Result<void> set = co_await store.set_group(account.id, group);
    if (!set && set.error().kind == FaultKind::not_found) continue;
    if (!set) co_return set;
    members[group].push_back(account.id);
  }
  for (const auto& [group, accounts_in_it] : members) {
    Result<store::Usage> counted = co_await store.recount_group(group, accounts_in_it);
    if (!counted) co_return std::unexpected(counted.error());
  }
  co_return co_await store.note_groups();
}

Result<std::unique_ptr<Core>> Core::open_settled(const Config& config, Store store) {
  Fault last;
  for (int tries = 1;; ++tries) {
    auto core = open(config, store);
    if (!core) return core;
    Result<void> settled = net::run_blocking((*core)->settle());
    if (settled) return core;
    const bool damaged = settled.error().kind == FaultKind::corrupt || settled.error().kind == FaultKind::io;
    if (!damaged || settled.error().what == last.what || tries == kSettleTries)
      return std::unexpected(settled.error());
    last = settled.error();
    log::warn("store.opened_again", {{"reason", last.what}});
  }
}

Task<Result<void>> Core::settle() {
  Result<void> followed = co_await store.follow_directory(data_directory);
  if (!followed) co_return followed;
  co_return co_await settle_rows();
}

// What only its copy still has.
Task<Result<void>> Core::settle_directory() {
  const auto put = co_await engine::put_back_missing(engine, directory::kPartition, directory_copy_path);
  if (!put) {
    log::error("directory.not_settled", {{"reason", put.error().what}});
    co_return is_fatal(put.error()) ? Result<void>(std::unexpected(put.error())) : Result<void>();
  }
  log::warn("directory.settled", {{"rows", *put}, {"from", directory_copy_path}});
  co_return Result<void>();
}

Task<Result<void>> Core::settle_rows() {
  const std::vector<engine::PartitionRange> lost = engine.lost();
  if (touched(lost, engine::PartitionKind::directory)) {
    Result<void> people = co_await settle_directory();
    if (!people) co_return people;
  }
  Result<void> known = co_await mirror.start();
  if (!known) co_return known;
  if (lost.empty()) co_return co_await group_accounts(false);
  bool all = true;
  const auto failed = [&all](const Fault& fault, std::string_view what) {
    all = false;
    log::error("store.not_settled", {{"what", what}, {"reason", fault.what}});
    return is_fatal(fault);
  };
  std::vector<uint64_t> found;
  auto accounts = co_await directory.accounts("");
  if (accounts) {
    for (const auto& account : *accounts) {
      found.push_back(account.id);
      if (!engine::contains(lost, store::account_partition(account.id))) continue;
      Result<void> done = co_await restore_place(*this, account.id, account.address);
      if (!done && failed(done.error(), account.address)) co_return done;
    }
  } else if (failed(accounts.error(), "accounts")) {
    co_return std::unexpected(accounts.error());
  } else {
    found = accounts_with_rows(engine);
  }
  for (const uint64_t id : found) {
    const engine::Partition partition{engine::PartitionKind::account, id};
    if (!engine::contains(lost, partition)) continue;
    Result<void> done = co_await store.settle(id);
    if (!done && failed(done.error(), format_id(id))) co_return done;
  }
  std::vector<uint64_t> hurt;
  for (const uint64_t id : found) {
    if (engine::contains(lost, {engine::PartitionKind::account, id})) hurt.push_back(id);
  }
  if (!hurt.empty()) {
    auto adopted = co_await store.adopt_bodies(found, std::move(hurt), store::MailStore::Unowned::all_left);
    if (!adopted && failed(adopted.error(), "bodies")) co_return std::unexpected(adopted.error());
  }
  const bool bodies = touched(lost, engine::PartitionKind::blob);
  if (bodies) {
    for (const uint64_t id : found) {
      Result<void> done = co_await store.restore_references(id, lost);
      if (!done && failed(done.error(), format_id(id))) co_return done;
    }
  }
  if (bodies || touched(lost, engine::PartitionKind::queue)) {
    Result<void> done = co_await queue.settle(lost);
    if (!done && failed(done.error(), "queue")) co_return done;
  }
  Result<void> shared = co_await store.settle_shares(found);
  if (!shared && failed(shared.error(), "shares")) co_return shared;
  Result<void> grouped = co_await group_accounts(true);
  if (!grouped && failed(grouped.error(), "domains")) co_return grouped;
  if (all) engine.forget_lost();
  co_return Result<void>();
}

}  // namespace posthouse::app
