// Ranges of results (RFC 9394 section 4): "1:100", "-1:-100".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/imap/sequence_set.h"

namespace posthouse::wire::imap {

struct PartialRange {
  bool from_end = false;         // both ends count from the last result
  uint32_t first = 0, last = 0;  // as written, in any order; 1 is the first (or the last) result
  bool operator==(const PartialRange&) const = default;

  // Which of `count` results these are, counted from 1; nothing if there are none.
  std::optional<NumberRange> of(uint32_t count) const;
};

void append_partial(std::string& out, const PartialRange& range);

// Of all numbers that rising ranges hold, those at these places, counted from 1.
std::vector<NumberRange> slice(const std::vector<NumberRange>& ranges, const NumberRange& places);

// What both hold, as rising ranges.
std::vector<NumberRange> intersect(const std::vector<NumberRange>& a, const std::vector<NumberRange>& b);

}  // namespace posthouse::wire::imap
