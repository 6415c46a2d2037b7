// Thread/get and Thread/changes (RFC 8621 section 3), Email/changes (section 4.3).
#include <algorithm>

#include "access/jmap/limits.h"
#include "access/jmap/methods.h"
#include "access/jmap/standard.h"
#include "access/jmap/states.h"

namespace posthouse::access::jmap {
namespace {

using catalog::SheetRow;
using Rows = std::span<const SheetRow>;

// Oldest first; each letter once.
json::array email_ids(Rows rows) {
  std::vector<std::pair<int64_t, catalog::EmailId>> order;
  for (const SheetRow& row : rows) {
    if (order.empty() || order.back().second != row.email) order.emplace_back(row.received, row.email);
  }
  std::ranges::sort(order);
  json::array out;
  for (const auto& [received, email] : order) out.emplace_back(format_email_id(email));
  return out;
}

json::object thread_object(Rows rows, const GetRequest& request) {
  json::object out;
  out["id"] = format_thread_id(rows.front().thread);
  if (request.wants("emailIds")) out["emailIds"] = email_ids(rows);
  return out;
}

std::expected<json::array, CallError> all_threads(const catalog::Sheet& sheet, const GetRequest& request) {
  json::array list;
  const Rows all(sheet.rows());
  for (size_t at = 0; at < all.size();) {
    if (list.size() == kMaxObjectsInGet) return refusal("requestTooLarge");
    const Rows rows = sheet.thread(all[at].thread);
    list.emplace_back(thread_object(rows, request));
    at += rows.size();
  }
  return list;
}

using ChangesOf = Task<Result<std::optional<catalog::Changes>>> (catalog::Catalog::*)(store::AccountId,
                                                                                      catalog::Position,
                                                                                      size_t);

Task<Outcome> changes(Call& call, ChangesOf changes_of, std::string (*format)(uint64_t)) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto request = take_changes(arguments);
  if (!request) co_return std::unexpected(request.error());
  const std::optional<catalog::Position> since = parse_state(request->since);
  if (!since) co_return refusal("cannotCalculateChanges");
  Result<catalog::Position> now = co_await call.services.catalog.refresh(call.caller.account);
  if (!now) co_return std::unexpected(call_error(now.error()));
  Result<std::optional<catalog::Changes>> found =
      co_await (call.services.catalog.*changes_of)(call.caller.account, *since, request->most);
  if (!found) co_return std::unexpected(call_error(found.error()));
  if (!*found) co_return refusal("cannotCalculateChanges");
  co_return changes_response(call, request->since, **found, format);
}

}  // namespace

Task<Outcome> thread_get(Call& call) {
  Arguments arguments(call.arguments);
  if (auto wrong = wrong_account(arguments, call)) co_return std::unexpected(std::move(*wrong));
  const auto request = take_get(arguments);
  if (!request) co_return std::unexpected(request.error());
  if (auto fault = arguments.fault()) co_return std::unexpected(std::move(*fault));
  if (request->properties) {
    for (const std::string& name : *request->properties) {
      if (name != "id" && name != "emailIds")
        co_return refusal("invalidArguments", "a conversation has no such property");
    }
  }
  Result<std::shared_ptr<const catalog::Sheet>> sheet = co_await call.services.sheets.of(call.caller.account);
  if (!sheet) co_return std::unexpected(call_error(sheet.error()));
  json::array list, not_found;
  if (!request->ids) {
    auto all = all_threads(**sheet, *request);
    if (!all) co_return std::unexpected(std::move(all.error()));
    list = std::move(*all);
  } else {
    for (const std::string& asked : *request->ids) {
      const std::optional<catalog::ThreadId> thread = parse_thread_id(asked);
      const Rows rows = thread ? (*sheet)->thread(*thread) : Rows();
      if (rows.empty()) {
        not_found.emplace_back(asked);
      } else {
        list.emplace_back(thread_object(rows, *request));
      }
    }
  }
  co_return get_response(call, format_state((*sheet)->position()), std::move(list), std::move(not_found));
}

Task<Outcome> thread_changes(Call& call) {
  co_return co_await changes(call, &catalog::Catalog::thread_changes, format_thread_id);
}

Task<Outcome> email_changes(Call& call) {
  co_return co_await changes(call, &catalog::Catalog::email_changes, format_email_id);
}

}  // namespace posthouse::access::jmap
