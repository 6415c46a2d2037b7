#include "app/admin/verbs.h"
#include "message/address.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

json::object describe(const directory::Domain& domain) {
  json::object out;
  out["name"] = domain.name;
  out["catch_all"] = domain.catch_all.empty() ? json::value(nullptr) : json::value(domain.catch_all);
  out["quota_bytes"] = number_or_null(domain.quota_bytes);
  out["quota_messages"] = number_or_null(domain.quota_messages);
  out["total_bytes"] = number_or_null(domain.total_bytes);
  out["total_messages"] = number_or_null(domain.total_messages);
  out["store"] = domain.store_format.empty() ? json::value(nullptr) : json::value(domain.store_format);
  return out;
}

Result<void> apply(const Arguments& arguments, directory::Domain& domain) {
  if (arguments.contains("catch_all")) domain.catch_all = text(arguments, "catch_all");
  if (arguments.contains("quota_bytes")) domain.quota_bytes = number(arguments, "quota_bytes");
  if (arguments.contains("quota_messages")) domain.quota_messages = number(arguments, "quota_messages");
  if (arguments.contains("total_bytes")) domain.total_bytes = number(arguments, "total_bytes");
  if (arguments.contains("total_messages")) domain.total_messages = number(arguments, "total_messages");
  if (!arguments.contains("store")) return {};
  domain.store_format = text(arguments, "store");
  if (domain.store_format.empty()) return {};
  auto format = store::parse_format(domain.store_format);
  if (!format) return std::unexpected(format.error());
  return {};
}

Result<std::string> domain_name(const Arguments& arguments) {
  auto name = required(arguments, "name");
  if (!name) return name;
  return message::domain_to_ascii(*name);
}

// The one that is named.
Task<Result<directory::Domain>> find_domain(Context context, Arguments arguments) {
  auto name = domain_name(arguments);
  if (!name) co_return std::unexpected(name.error());
  auto domains = co_await context.core.directory.domains();
  if (!domains) co_return std::unexpected(domains.error());
  for (auto& domain : *domains) {
    if (domain.name == *name) co_return std::move(domain);
  }
  co_return fail(FaultKind::not_found, "no such domain: " + *name);
}

}  // namespace

Task<Answer> domain_add(Context context, Arguments arguments) {
  auto given = required(arguments, "name");
  if (!given) co_return std::unexpected(given.error());
  auto name = message::mail_domain(*given);
  if (!name) co_return std::unexpected(name.error());
  directory::Domain domain;
  domain.name = *name;
  auto applied = apply(arguments, domain);
  if (!applied) co_return std::unexpected(applied.error());
  auto added = co_await context.core.directory.add_domain(domain);
  if (!added) co_return std::unexpected(added.error());
  co_return describe(domain);
}

Task<Answer> domain_list(Context context, Arguments) {
  auto domains = co_await context.core.directory.domains();
  if (!domains) co_return std::unexpected(domains.error());
  json::array out;
  for (const auto& domain : *domains) out.push_back(describe(domain));
  co_return out;
}

Task<Answer> domain_show(Context context, Arguments arguments) {
  auto found = co_await find_domain(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto accounts = co_await context.core.directory.accounts(found->name);
  if (!accounts) co_return std::unexpected(accounts.error());
  auto aliases = co_await context.core.directory.aliases(found->name);
  if (!aliases) co_return std::unexpected(aliases.error());
  json::object out = describe(*found);
  out["accounts"] = accounts->size();
  out["aliases"] = aliases->size();
  auto usage = co_await context.core.store.group_usage(found->name);
  if (usage) {
    out["messages"] = usage->messages;
    out["bytes"] = usage->bytes;
  }
  co_return out;
}

Task<Answer> domain_recount(Context context, Arguments arguments) {
  auto found = co_await find_domain(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto accounts = co_await context.core.directory.accounts(found->name);
  if (!accounts) co_return std::unexpected(accounts.error());
  std::vector<store::AccountId> members;
  for (const auto& account : *accounts) {
    auto set = co_await context.core.store.set_group(account.id, found->name);
    if (!set && set.error().kind != FaultKind::not_found) co_return std::unexpected(set.error());
    members.push_back(account.id);
  }
  auto usage = co_await context.core.store.recount_group(found->name, std::move(members));
  if (!usage) co_return std::unexpected(usage.error());
  json::object out;
  out["name"] = found->name;
  out["messages"] = usage->messages;
  out["bytes"] = usage->bytes;
  co_return out;
}

Task<Answer> domain_change(Context context, Arguments arguments) {
  auto found = co_await find_domain(context, arguments);
  if (!found) co_return std::unexpected(found.error());
  auto applied = apply(arguments, *found);
  if (!applied) co_return std::unexpected(applied.error());
  auto changed = co_await context.core.directory.update_domain(*found);
  if (!changed) co_return std::unexpected(changed.error());
  // As it is kept: the directory normalises addresses.
  auto kept = co_await find_domain(context, std::move(arguments));
  if (!kept) co_return std::unexpected(kept.error());
  co_return describe(*kept);
}

Task<Answer> domain_remove(Context context, Arguments arguments) {
  auto name = domain_name(arguments);
  if (!name) co_return std::unexpected(name.error());
  auto removed = co_await context.core.directory.remove_domain(*name);
  if (!removed) co_return std::unexpected(removed.error());
  json::object out;
  out["removed"] = *name;
  co_return out;
}

}  // namespace posthouse::app::verbs
