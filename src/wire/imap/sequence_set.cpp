#include "wire/imap/sequence_set.h"

#include "base/ascii.h"
#include "wire/imap/limits.h"

namespace posthouse::wire::imap {

namespace {

// One seq-number: nz-number or "*".
bool take_number(std::string_view& text, uint32_t& out) {
  if (text.starts_with('*')) {
    out = 0;
    text.remove_prefix(1);
    return true;
  }
  uint64_t value = 0;
  size_t n = 0;
  while (n < text.size() && is_digit(text[n])) {
    value = value * 10 + static_cast<uint64_t>(text[n] - '0');
    if (value > UINT32_MAX) return false;
    n++;
  }
  if (n == 0 || text[0] == '0') return false;  // nz-number: digit-nz *DIGIT
  text.remove_prefix(n);
  out = static_cast<uint32_t>(value);
  return true;
}

}  // namespace

bool parse_sequence_set(std::string_view text, SequenceSet& out) {
  out.ranges.clear();
  out.saved = false;
  while (true) {
    if (out.ranges.size() >= kMaxRanges) return false;
    SequenceRange range;
    if (!take_number(text, range.first)) return false;
    range.last = range.first;
    if (text.starts_with(':')) {
      text.remove_prefix(1);
      if (!take_number(text, range.last)) return false;
    }
    out.ranges.push_back(range);
    if (text.empty()) return true;
    if (text[0] != ',') return false;
    text.remove_prefix(1);
  }
}

std::vector<NumberRange> resolve(const SequenceSet& set, uint32_t star) {
  std::vector<NumberRange> found;
  found.reserve(set.ranges.size());
  for (const SequenceRange& range : set.ranges) {
    uint32_t a = range.first == 0 ? star : range.first;
    uint32_t b = range.last == 0 ? star : range.last;
    if (a > b) std::swap(a, b);
    if (b == 0) continue;
    found.push_back({std::max<uint32_t>(a, 1), b});
  }
  std::sort(found.begin(), found.end(),
            [](const NumberRange& a, const NumberRange& b) { return a.first < b.first; });
  std::vector<NumberRange> merged;
  for (const NumberRange& range : found) {
    // Ranges that overlap or touch become one; last may be the largest number there is, so no "+ 1" on it.
    if (!merged.empty() && (merged.back().last >= range.first || range.first - merged.back().last == 1)) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  return merged;
}

bool names_missing(const SequenceSet& set, uint32_t exists) {
  return std::any_of(set.ranges.begin(), set.ranges.end(), [&](const SequenceRange& range) {
    return range.first != 0 && range.last != 0 && std::max(range.first, range.last) > exists;
  });
}

bool contains(const std::vector<NumberRange>& ranges, uint32_t number) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), number,
                                [](uint32_t n, const NumberRange& range) { return n < range.first; });
  return after != ranges.begin() && std::prev(after)->last >= number;
}

void append_ranges(std::string& out, const std::vector<NumberRange>& ranges) {
  bool first = true;
  for (const NumberRange& range : ranges) {
    if (!std::exchange(first, false)) out += ',';
    out += std::to_string(range.first);
    if (range.last > range.first) out += ':' + std::to_string(range.last);
  }
}

void append_sequence_set(std::string& out, const std::vector<uint32_t>& numbers) {
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) end++;
    if (i > 0) out += ',';
    out += std::to_string(numbers[i]);
    if (end - i > 1) {
      out += ':';
      out += std::to_string(numbers[end - 1]);
    }
    i = end;
  }
}

}  // namespace posthouse::wire::imap
