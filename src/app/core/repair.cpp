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

Task<Result<Repaired>> Core::repair(Progress progress, bool remove_unowned) {
  Repaired out;
  std::vector<std::string>& done = out.done;
  // They are mended by opening the store again, which whoever repairs does then.
  auto tables = co_await engine.damaged_tables();
  if (!tables) co_return std::unexpected(tables.error());
  if (!tables->empty()) co_return fail(FaultKind::corrupt, tables->front());
  auto people = co_await directory.repair();
  if (people) {
    out.lost = !people->empty();
    for (std::string& line : *people) done.push_back(std::move(line));
  } else {
    log::error("directory.not_repaired", {{"what", people.error().what}});
  }
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
  const auto kept =
      remove_unowned ? store::MailStore::Unowned::removed : store::MailStore::Unowned::sound_left;
  Result<store::MailStore::Adopted> adopted = co_await store.adopt_bodies(
      std::move(known), found, accounts ? kept : store::MailStore::Unowned::all_left);
  if (!adopted) co_return std::unexpected(adopted.error());
  if (adopted->restored > 0)
    done.push_back(
        fmt::format("{} letters without a place came back in mailboxes \"Recovered\"", adopted->restored));
  if (adopted->removed > 0) {
    out.lost = true;
    done.push_back(
        fmt::format("{} bodies that belong to nobody, or can't be read, were removed", adopted->removed));
  }
  if (adopted->left > 0) {
    out.lost = true;
    done.push_back(
        fmt::format("{} letters of accounts that the directory does not know were left: `posthouse store "
                    "salvage` copies them "
                    "out, `posthouse store repair --remove-unowned` removes them",
                    adopted->left));
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
