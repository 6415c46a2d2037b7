#include "app/admin/verbs.h"
#include "app/version.h"

namespace posthouse::app::verbs {

namespace json = boost::json;

namespace {

// When the directory can't be read through.
std::vector<store::AccountId> accounts_with_rows(const engine::Reader& reader) {
  std::vector<store::AccountId> out;
  static_cast<void>(reader.partitions(engine::PartitionKind::account, 0, [&out](uint64_t id) {
    out.push_back(id);
    return true;
  }));
  return out;
}

}  // namespace

Task<Answer> store_check(Context context, Arguments) {
  auto accounts = co_await context.core.directory.accounts("");
  std::vector<store::AccountId> ids;
  if (accounts) {
    for (const auto& account : *accounts) ids.push_back(account.id);
  } else {
    ids = accounts_with_rows(context.core.engine);
  }
  auto report = co_await context.core.store.check(std::move(ids), context.progress);
  if (!report) co_return std::unexpected(report.error());
  json::array problems;
  for (const std::string& damage : context.core.engine.damage()) problems.emplace_back(damage);
  if (!accounts) problems.emplace_back("the directory of accounts: " + accounts.error().what);
  for (const std::string& problem : report->problems) problems.emplace_back(problem);
  if (!accounts) accounts = std::vector<directory::Account>();
  for (const auto& account : *accounts) {
    auto usage = co_await context.core.store.usage(account.id);
    const std::string domain = group_of(account.address);
    if (!usage || usage->group == domain) continue;  // what can't be read was told above
    problems.emplace_back(
        fmt::format("account {} is not counted with its domain; `posthouse domain recount "
                    "{}` mends it",
                    account.address, domain));
  }
  json::object out;
  out["accounts"] = report->accounts;
  out["mailboxes"] = report->mailboxes;
  out["messages"] = report->messages;
  out["expunged"] = report->kept;
  out["blobs"] = report->blobs;
  out["problems"] = std::move(problems);
  co_return out;
}

Task<Answer> status(Context context, Arguments) {
  auto totals = co_await context.core.queue.totals();
  if (!totals) co_return std::unexpected(totals.error());
  json::object queue;
  queue["letters"] = totals->letters;
  queue["waiting"] = totals->waiting;
  queue["held"] = totals->held;
  queue["set_aside"] = totals->set_aside;
  json::object out;
  out["version"] = kVersion;
  out["queue"] = std::move(queue);
  out["free_bytes"] = context.core.engine.free_space();
  co_return out;
}

}  // namespace posthouse::app::verbs
