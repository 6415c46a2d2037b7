// `posthouse store repair`: the same care as after damage, for whatever is not in order.
#include <algorithm>

#include <fmt/format.h>

#include "app/core/core.h"
#include "base/id.h"
#include "base/log.h"

namespace posthouse::app {

namespace {

std::vector<engine::PartitionRange> everything() {
  return {
      {{static_cast<engine::PartitionKind>(0), 0}, {static_cast<engine::PartitionKind>(0x7f), UINT64_MAX}}};
}

}  // namespace

Task<Result<Repaired>> Core::repair(Progress progress) {
  Repaired out;
  std::vector<std::string>& done = out.done;
  std::vector<uint64_t> found;
  auto accounts = co_await directory.accounts("");
  if (accounts) {
    for (const auto& account : *accounts) found.push_back(account.id);
  } else {
    found = accounts_with_rows(engine);
  }
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string name = "account " + format_id(found[i]);
    std::vector<engine::PartitionRange> all = everything();
    Result<void> restored = co_await store.restore_references(found[i], std::move(all));
    if (!restored) co_return std::unexpected(restored.error());
    Result<std::vector<std::string>> problems = co_await store.check_account(found[i]);
    if (!problems) co_return std::unexpected(problems.error());
    if (!problems->empty()) {
      Result<void> settled = co_await store.settle(found[i]);
      if (!settled) co_return std::unexpected(settled.error());
      done.push_back(
          fmt::format("{} was put in order ({}{})", name, problems->front(),
                      problems->size() > 1 ? fmt::format(", and {} more", problems->size() - 1) : ""));
    }
    if (progress) progress(i + 1, found.size());
  }
  Result<void> shared = co_await store.settle_shares(found);
  if (!shared) co_return std::unexpected(shared.error());
  // An account that the directory has lost still owns its letters.
  std::vector<uint64_t> known = found;
  for (const uint64_t id : accounts_with_rows(engine)) {
    if (std::ranges::find(found, id) != found.end()) continue;
    known.push_back(id);
    out.lost = true;
    done.push_back(
        fmt::format("account {} has rows and is not in the directory: left as it is", format_id(id)));
  }
  Result<store::MailStore::Adopted> adopted =
      co_await store.adopt_bodies(std::move(known), found, accounts.has_value());
  if (!adopted) co_return std::unexpected(adopted.error());
  if (adopted->restored > 0)
    done.push_back(
        fmt::format("{} letters without a place came back in mailboxes \"Recovered\"", adopted->restored));
  if (adopted->removed > 0) {
    out.lost = true;
    done.push_back(
        fmt::format("{} bodies that belong to nobody, or can't be read, were removed", adopted->removed));
  }
  for (;;) {
    Result<size_t> swept = co_await store.sweep(false);
    if (!swept) co_return std::unexpected(swept.error());
    if (*swept == 0) break;
  }
  // What the index has lost of letters in files is taken in again before anybody counts.
  for (const uint64_t id : found) {
    if (!mirror.keeps(id)) continue;
    Result<void> looked = co_await mirror.look_into_all(id);
    if (!looked) log::warn("store.files_unseen", {{"account", format_id(id)}, {"what", looked.error().what}});
  }
  std::vector<engine::PartitionRange> all = everything();
  Result<void> settled = co_await queue.settle(std::move(all));
  if (settled) settled = co_await group_accounts(true);
  if (!settled) co_return std::unexpected(settled.error());
  done.emplace_back("the schedule of the queue and the counts of domains were made anew");
  co_return out;
}

}  // namespace posthouse::app
