// Mailbox/get and Mailbox/changes (RFC 8621 sections 2.1 and 2.2).
#include "access/jmap/mailbox_object.h"
#include "access/jmap/methods.h"
#include "access/jmap/states.h"

namespace posthouse::access::jmap {
namespace {

json::object only(const json::object& all, const GetRequest& wanted) {
  json::object out;
  for (const auto& one : all) {
    if (wanted.wants(one.key())) out.emplace(one.key(), one.value());
  }
  return out;
}

json::array ids_of(const std::vector<store::MailboxId>& mailboxes) {
  json::array out;
  for (const store::MailboxId id : mailboxes) out.emplace_back(format_mailbox_id(id));
  return out;
}

}  // namespace

Task<Outcome> mailbox_get(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto request = take_get(arguments);
  if (!request) co_return std::unexpected(request.error());
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (request->properties && !std::ranges::all_of(*request->properties, is_mailbox_property))
    co_return refusal("invalidArguments", "a mailbox has no such property");
  Result<std::shared_ptr<const catalog::Sheet>> sheet = co_await call.services.sheets.of(call.caller.account);
  if (!sheet) co_return std::unexpected(call_error(sheet.error()));
  Result<MailboxTree> tree = co_await read_tree(call.services, call.caller.account);
  if (!tree) co_return std::unexpected(call_error(tree.error()));
  const std::map<store::MailboxId, catalog::Sheet::Counts> counts = (*sheet)->counts(tree->trash());
  json::array list, not_found;
  const auto tell = [&](const MailboxNode& node) {
    const auto at = counts.find(node.info.id);
    const catalog::Sheet::Counts of = at == counts.end() ? catalog::Sheet::Counts() : at->second;
    list.emplace_back(only(mailbox_object(node, of), *request));
  };
  if (!request->ids) {
    for (const MailboxNode& node : tree->nodes()) tell(node);
  } else {
    for (const std::string& asked : *request->ids) {
      const std::optional<std::string> id = created_id(call, asked);
      const std::optional<store::MailboxId> mailbox = id ? parse_mailbox_id(*id) : std::nullopt;
      const MailboxNode* node = mailbox ? tree->find(*mailbox) : nullptr;
      if (node == nullptr) {
        not_found.emplace_back(asked);
      } else {
        tell(*node);
      }
    }
  }
  co_return get_response(call, format_state((*sheet)->position()), std::move(list), std::move(not_found));
}

Task<Outcome> mailbox_changes(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto request = take_changes(arguments);
  if (!request) co_return std::unexpected(request.error());
  const std::optional<catalog::Position> since = parse_state(request->since);
  if (!since) co_return refusal("cannotCalculateChanges");
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Result<std::optional<catalog::MailboxChanges>> changes =
      co_await call.services.catalog.mailbox_changes(call.caller.account, *since);
  if (!changes) co_return std::unexpected(call_error(changes.error()));
  if (!*changes) co_return refusal("cannotCalculateChanges");
  const catalog::MailboxChanges& found = **changes;
  // They are told all at once or not at all: there is no state in between.
  if (found.created.size() + found.updated.size() + found.destroyed.size() > request->most)
    co_return refusal("cannotCalculateChanges", "there are more changes than maxChanges");
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["oldState"] = request->since;
  out["newState"] = format_state(found.now);
  out["hasMoreChanges"] = false;
  out["created"] = ids_of(found.created);
  out["updated"] = ids_of(found.updated);
  out["destroyed"] = ids_of(found.destroyed);
  out["updatedProperties"] = nullptr;
  if (found.only_counts && !found.updated.empty())
    out["updatedProperties"] = json::array{"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"};
  co_return out;
}

}  // namespace posthouse::access::jmap
