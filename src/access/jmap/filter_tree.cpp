#include "access/jmap/filter_tree.h"

#include <boost/json/array.hpp>

#include "access/jmap/arguments.h"
#include "access/jmap/limits.h"

namespace posthouse::access::jmap {
namespace {

using wire::jmap::CallError;
using Parsed = std::expected<FilterTree, CallError>;

std::optional<FilterTree::Kind> operator_of(std::string_view name) {
  if (name == "AND") return FilterTree::Kind::all;
  if (name == "OR") return FilterTree::Kind::any;
  if (name == "NOT") return FilterTree::Kind::none;
  return std::nullopt;
}

Parsed parse_part(const json::object& filter, size_t depth, size_t& parts) {
  if (depth > kMaxFilterDepth || ++parts > kMaxFilterParts)
    return std::unexpected(CallError{"unsupportedFilter", "it is too large"});
  FilterTree out;
  if (!filter.contains("operator")) {
    out.kind = FilterTree::Kind::condition;
    out.condition = &filter;
    return out;
  }
  Arguments fields(filter);
  const std::optional<FilterTree::Kind> kind = operator_of(fields.required_string("operator"));
  const json::array* conditions = fields.array("conditions");
  if (!kind) fields.refuse("operator", "is none of AND, OR and NOT");
  if (conditions == nullptr) fields.refuse("conditions", "is missing");
  if (auto fault = fields.fault()) return std::unexpected(std::move(*fault));
  out.kind = *kind;
  for (const json::value& one : *conditions) {
    const json::object* object = one.if_object();
    if (object == nullptr) return std::unexpected(CallError{"invalidArguments", "a condition is no object"});
    Parsed part = parse_part(*object, depth + 1, parts);
    if (!part) return part;
    out.parts.push_back(std::move(*part));
  }
  return out;
}

}  // namespace

Parsed parse_filter(const json::object& filter) {
  size_t parts = 0;
  return parse_part(filter, 1, parts);
}

}  // namespace posthouse::access::jmap
