#include "app/admin/verbs.h"
#include "app/version.h"

namespace posthouse::app::verbs {

namespace json = boost::json;

Task<Answer> store_check(Context context, Arguments) {
  auto accounts = co_await context.core.directory.accounts("");
  if (!accounts) co_return std::unexpected(accounts.error());
  std::vector<store::AccountId> ids;
  for (const auto& account : *accounts) ids.push_back(account.id);
  auto report = co_await context.core.store.check(std::move(ids), context.progress);
  if (!report) co_return std::unexpected(report.error());
  json::array problems;
  for (const std::string& damage : context.core.engine.damage()) problems.emplace_back(damage);
  for (const std::string& problem : report->problems) problems.emplace_back(problem);
  for (const auto& account : *accounts) {
    auto usage = co_await context.core.store.usage(account.id);
    const std::string domain = group_of(account.address);
    if (!usage || usage->group == domain) continue;
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
