#include "app/admin/verbs.h"
#include "app/core/damage_lines.h"
#include "app/version.h"

namespace posthouse::app::verbs {

namespace json = boost::json;

namespace {

using Addresses = std::map<uint64_t, std::string>;

// Of all accounts that the directory can still tell.
Task<Addresses> addresses(Context context) {
  Addresses out;
  const auto accounts = co_await context.core.directory.accounts("");
  for (size_t i = 0; accounts && i < accounts->size(); ++i) out[(*accounts)[i].id] = (*accounts)[i].address;
  co_return out;
}

void name_accounts(json::value& lines, const Addresses& known) {
  for (json::value& line : lines.as_array()) line = with_addresses(std::string(line.as_string()), known);
}

// Without what Engine::damage() tells.
Task<Answer> check(Context context) {
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
  auto tables = co_await context.core.engine.damaged_tables();
  if (!tables) co_return std::unexpected(tables.error());
  for (const std::string& problem : *tables) problems.emplace_back(problem);
  auto people = co_await context.core.directory.check();
  if (!people) co_return std::unexpected(people.error());
  for (const std::string& problem : *people) problems.emplace_back(problem);
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

}  // namespace

Task<Answer> store_check(Context context, Arguments) {
  auto answer = co_await check(context);
  if (!answer) co_return answer;
  json::array problems, notes;
  for (const engine::Damage& damage : context.core.engine.damage())
    (damage.over ? notes : problems).emplace_back(damage.what);
  answer->as_object()["notes"] = std::move(notes);
  json::value& found = answer->as_object()["problems"];
  for (json::value& problem : found.as_array()) problems.push_back(std::move(problem));
  found = std::move(problems);
  const Addresses known = co_await addresses(context);
  name_accounts(found, known);
  name_accounts(answer->as_object()["notes"], known);
  co_return answer;
}

Task<Answer> store_repair(Context context, Arguments arguments) {
  // Sessions rely on UIDs and counters staying as they are.
  if (context.transport != nullptr)
    co_return fail(FaultKind::policy, "the server is running: stop it, then repair the store");
  auto done = co_await context.core.repair(context.progress, flag(arguments, "remove_unowned"));
  if (!done) co_return std::unexpected(done.error());
  auto answer = co_await check(context);
  if (!answer) co_return answer;
  json::array repaired, notes;
  for (const std::string& line : done->done) repaired.emplace_back(line);
  for (const engine::Damage& damage : context.core.engine.damage()) notes.emplace_back(damage.what);
  answer->as_object()["lost"] = done->lost || context.core.engine.has_lost_rows();
  if (answer->as_object().at("problems").as_array().empty()) {
    if (auto over = context.core.engine.damage_is_over(); !over) co_return std::unexpected(over.error());
  }
  answer->as_object()["repaired"] = std::move(repaired);
  answer->as_object()["notes"] = std::move(notes);
  const Addresses known = co_await addresses(context);
  for (const char* lines : {"problems", "repaired", "notes"})
    name_accounts(answer->as_object()[lines], known);
  co_return answer;
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
