// What all queries have in common (RFC 8620 section 5.5): which part of the results is told.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/jmap/arguments.h"
#include "access/jmap/call.h"

namespace posthouse::access::jmap {

struct QueryWindow {
  int64_t position = 0;
  std::optional<std::string> anchor;
  int64_t anchor_offset = 0;
  std::optional<uint64_t> limit;
  bool calculate_total = false;
};
// Takes "position", "anchor", "anchorOffset", "limit" and "calculateTotal".
QueryWindow take_window(Arguments& arguments);

// The response. `size`: of all results; `index_of` finds an id among them; `id_at` tells one. anchorNotFound.
struct QueryResults {
  size_t size = 0;
  std::function<std::optional<size_t>(std::string_view id)> index_of;
  std::function<std::string(size_t index)> id_at;
};
Outcome query_response(const Call& call, const QueryWindow& window, const QueryResults& results,
                       std::string state, bool can_calculate_changes);

// A property to sort by (section 5.5).
struct Comparator {
  std::string property;
  bool ascending = true;
  std::string collation{};
  const json::object* all = nullptr;  // of what it is made, for more of its properties
};
// Takes "sort". unsupportedSort where there are more than kMaxComparators, or the collation is unknown.
std::expected<std::vector<Comparator>, CallError> take_sort(Arguments& arguments);

}  // namespace posthouse::access::jmap
