#include "app/admin/verbs.h"
#include "message/address.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

json::object describe(const directory::Domain& domain) {
  json::object out;
  out["name"] = domain.name;
  out["catch_all"] = domain.catch_all.empty() ? json::value(nullptr) : json::value(domain.catch_all);
  out["quota_bytes"] = domain.quota_bytes ? json::value(*domain.quota_bytes) : json::value(nullptr);
  return out;
}

Result<std::string> domain_name(const Arguments& arguments) {
  auto name = required(arguments, "name");
  if (!name) return name;
  return message::domain_to_ascii(*name);
}

}  // namespace

Task<Answer> domain_add(Context context, Arguments arguments) {
  auto name = domain_name(arguments);
  if (!name) co_return std::unexpected(name.error());
  directory::Domain domain;
  domain.name = *name;
  domain.catch_all = text(arguments, "catch_all");
  domain.quota_bytes = number(arguments, "quota_bytes");
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
  auto name = domain_name(arguments);
  if (!name) co_return std::unexpected(name.error());
  auto domains = co_await context.core.directory.domains();
  if (!domains) co_return std::unexpected(domains.error());
  auto found = std::find_if(domains->begin(), domains->end(), [&](const auto& d) { return d.name == *name; });
  if (found == domains->end()) co_return fail(FaultKind::not_found, "no such domain: " + *name);
  auto accounts = co_await context.core.directory.accounts(*name);
  if (!accounts) co_return std::unexpected(accounts.error());
  auto aliases = co_await context.core.directory.aliases(*name);
  if (!aliases) co_return std::unexpected(aliases.error());
  json::object out = describe(*found);
  out["accounts"] = accounts->size();
  out["aliases"] = aliases->size();
  co_return out;
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
