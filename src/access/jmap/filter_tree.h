// Filters of queries: conditions under operators (RFC 8620 section 5.5).
#pragma once

#include <algorithm>
#include <boost/json/object.hpp>
#include <expected>
#include <vector>

#include "wire/jmap/reference.h"

namespace posthouse::access::jmap {

namespace json = boost::json;

struct FilterTree {
  enum class Kind { condition, all, any, none };  // AND, OR, NOT
  Kind kind = Kind::all;
  std::vector<FilterTree> parts;            // of an operator
  const json::object* condition = nullptr;  // of a condition

  // `holds`: whether a condition does.
  template <class Holds>
  bool matches(const Holds& holds) const {
    const auto part = [&](const FilterTree& one) { return one.matches(holds); };
    switch (kind) {
      case Kind::condition:
        return holds(*condition);
      case Kind::all:
        return std::ranges::all_of(parts, part);
      case Kind::any:
        return std::ranges::any_of(parts, part);
      case Kind::none:
        return std::ranges::none_of(parts, part);
    }
    return false;
  }
};

// Points into `filter`. unsupportedFilter: more than kMaxFilterParts, or deeper than kMaxFilterDepth.
std::expected<FilterTree, wire::jmap::CallError> parse_filter(const json::object& filter);

}  // namespace posthouse::access::jmap
