#include "app/admin/verbs.h"
#include "message/address.h"

namespace posthouse::app::verbs {
namespace {

namespace json = boost::json;

json::object describe(const directory::Alias& alias) {
  json::array targets;
  for (const std::string& target : alias.targets) targets.emplace_back(target);
  json::object out;
  out["address"] = alias.address;
  out["targets"] = std::move(targets);
  return out;
}

Task<Result<std::optional<directory::Alias>>> find(Context context, std::string address) {
  auto aliases = co_await context.core.directory.aliases("");
  if (!aliases) co_return std::unexpected(aliases.error());
  std::optional<directory::Alias> out;
  for (auto& alias : *aliases) {
    if (alias.address == address) out = std::move(alias);
  }
  co_return out;
}

// Address and targets, all of them good.
Result<directory::Alias> alias_of(const Arguments& arguments) {
  auto address = address_of(arguments);
  if (!address) return std::unexpected(address.error());
  directory::Alias alias;
  alias.address = *address;
  for (const std::string& target : list(arguments, "targets")) {
    auto parsed = message::parse_mailbox(target);
    if (!parsed) return fail(FaultKind::syntax, fmt::format("{}: {}", target, parsed.error().what));
    alias.targets.push_back(target);
  }
  if (alias.targets.empty()) return fail(FaultKind::syntax, "targets are missing");
  return alias;
}

}  // namespace

Task<Answer> alias_add(Context context, Arguments arguments) {
  auto alias = alias_of(arguments);
  if (!alias) co_return std::unexpected(alias.error());
  auto before = co_await find(context, alias->address);
  if (!before) co_return std::unexpected(before.error());
  if (before->has_value())
    co_return fail(FaultKind::exists, "there is an alias " + alias->address + " already");
  auto set = co_await context.core.directory.set_alias(*alias);
  if (!set) co_return std::unexpected(set.error());
  co_return describe(*alias);
}

Task<Answer> alias_change(Context context, Arguments arguments) {
  auto alias = alias_of(arguments);
  if (!alias) co_return std::unexpected(alias.error());
  auto before = co_await find(context, alias->address);
  if (!before) co_return std::unexpected(before.error());
  if (!before->has_value()) co_return fail(FaultKind::not_found, "no such alias: " + alias->address);
  auto set = co_await context.core.directory.set_alias(*alias);
  if (!set) co_return std::unexpected(set.error());
  co_return describe(*alias);
}

Task<Answer> alias_list(Context context, Arguments arguments) {
  auto aliases = co_await context.core.directory.aliases(text(arguments, "domain"));
  if (!aliases) co_return std::unexpected(aliases.error());
  json::array out;
  for (const auto& alias : *aliases) out.push_back(describe(alias));
  co_return out;
}

Task<Answer> alias_show(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  auto found = co_await find(context, *address);
  if (!found) co_return std::unexpected(found.error());
  if (!found->has_value()) co_return fail(FaultKind::not_found, "no such alias: " + *address);
  co_return describe(**found);
}

Task<Answer> alias_remove(Context context, Arguments arguments) {
  auto address = address_of(arguments);
  if (!address) co_return std::unexpected(address.error());
  auto removed = co_await context.core.directory.remove_alias(*address);
  if (!removed) co_return std::unexpected(removed.error());
  json::object out;
  out["removed"] = *address;
  co_return out;
}

}  // namespace posthouse::app::verbs
