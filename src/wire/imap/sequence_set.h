// Sequence sets (RFC 3501 section 9, sequence-set): "1,3:5,10:*".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::wire::imap {

// Both ends as written (in any order); 0 stands for "*".
struct SequenceRange {
  uint32_t first = 0;
  uint32_t last = 0;
  bool operator==(const SequenceRange&) const = default;
};

struct SequenceSet {
  std::vector<SequenceRange> ranges;
  bool saved = false;  // "$" (RFC 5182): what the last SEARCH kept; then there are no ranges
  bool operator==(const SequenceSet&) const = default;
};

// A closed range of plain numbers, first <= last.
struct NumberRange {
  uint32_t first = 0;
  uint32_t last = 0;
  bool operator==(const NumberRange&) const = default;
};

// Parses the whole of `text`; false on any error or on more than kMaxRanges ranges.
bool parse_sequence_set(std::string_view text, SequenceSet& out);

// The numbers the set names, as rising ranges that don't touch, with "*" as `star`. Empty when `star` is 0
// and only "*" was named. Cost: n log n of the number of ranges, not of the numbers.
std::vector<NumberRange> resolve(const SequenceSet& set, uint32_t star);

// Whether the set names, as sequence numbers, a message that a mailbox of `exists` messages doesn't have: an
// error of the client (RFC 3501 section 9, seq-number). Ranges with "*" always hold: they name what is there.
bool names_missing(const SequenceSet& set, uint32_t exists);

// True if `number` is in one of the rising `ranges`.
bool contains(const std::vector<NumberRange>& ranges, uint32_t number);

// Rising ranges as text: "1:3,7".
void append_ranges(std::string& out, const std::vector<NumberRange>& ranges);

// Rising numbers as text, runs joined: "1:3,7".
void append_sequence_set(std::string& out, const std::vector<uint32_t>& numbers);

}  // namespace posthouse::wire::imap
