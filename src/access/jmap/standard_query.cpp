#include "access/jmap/standard_query.h"

#include <boost/json/array.hpp>

#include "access/jmap/limits.h"
#include "access/jmap/standard.h"

namespace posthouse::access::jmap {

QueryWindow take_window(Arguments& arguments) {
  QueryWindow out;
  out.position = arguments.integer("position").value_or(0);
  out.anchor = arguments.string("anchor");
  out.anchor_offset = arguments.integer("anchorOffset").value_or(0);
  out.limit = arguments.unsigned_integer("limit");
  out.calculate_total = arguments.boolean("calculateTotal", false);
  return out;
}

Outcome query_response(const Call& call, const QueryWindow& window, const QueryResults& results,
                       std::string state, bool can_calculate_changes) {
  const auto size = static_cast<int64_t>(results.size);
  int64_t first = window.position < 0 ? window.position + size : window.position;
  if (window.anchor) {
    const std::optional<std::string> anchor = created_id(call, *window.anchor);
    const std::optional<size_t> at = anchor ? results.index_of(*anchor) : std::nullopt;
    if (!at) return refusal("anchorNotFound");
    first = static_cast<int64_t>(*at) + window.anchor_offset;
  }
  first = std::max<int64_t>(first, 0);
  const uint64_t most = std::min<uint64_t>(window.limit.value_or(kMaxQueried), kMaxQueried);
  json::array ids;
  for (int64_t at = first; at < size && ids.size() < most; ++at)
    ids.emplace_back(results.id_at(static_cast<size_t>(at)));
  json::object out;
  out["accountId"] = account_id(call.caller.account);
  out["queryState"] = std::move(state);
  out["canCalculateChanges"] = can_calculate_changes;
  out["position"] = first;
  out["ids"] = std::move(ids);
  if (window.calculate_total) out["total"] = results.size;
  if (most != window.limit.value_or(UINT64_MAX)) out["limit"] = most;
  return out;
}

std::expected<std::vector<Comparator>, CallError> take_sort(Arguments& arguments) {
  std::vector<Comparator> out;
  const json::array* all = arguments.array("sort");
  if (all == nullptr) return out;
  if (all->size() > kMaxComparators)
    return refusal("unsupportedSort", "there are too many properties to sort by");
  for (const json::value& one : *all) {
    const json::object* object = one.if_object();
    if (object == nullptr)
      return refusal("invalidArguments", "\"sort\" has something in it that is no object");
    Arguments fields(*object);
    Comparator comparator;
    comparator.property = fields.required_string("property");
    comparator.ascending = fields.boolean("isAscending", true);
    comparator.collation = fields.string("collation").value_or("");
    comparator.all = object;
    fields.any("keyword");
    if (auto fault = fields.fault()) return std::unexpected(std::move(*fault));
    if (!comparator.collation.empty() && comparator.collation != "i;unicode-casemap" &&
        comparator.collation != "i;ascii-casemap")
      return refusal("unsupportedSort", "there is no such collation");
    out.push_back(std::move(comparator));
  }
  return out;
}

}  // namespace posthouse::access::jmap
