#include "wire/imap/partial.h"

#include <algorithm>

namespace posthouse::wire::imap {

std::optional<NumberRange> PartialRange::of(uint32_t count) const {
  const uint32_t low = std::min(first, last);
  const uint32_t high = std::min(std::max(first, last), count);
  if (low > high) return std::nullopt;
  if (from_end) return NumberRange{count - high + 1, count - low + 1};
  return NumberRange{low, high};
}

void append_partial(std::string& out, const PartialRange& range) {
  const char* sign = range.from_end ? "-" : "";
  out += sign + std::to_string(range.first) + ':' + sign + std::to_string(range.last);
}

std::vector<NumberRange> slice(const std::vector<NumberRange>& ranges, const NumberRange& places) {
  std::vector<NumberRange> out;
  uint64_t before = 0;  // numbers in the ranges so far
  for (const NumberRange& range : ranges) {
    const uint64_t size = uint64_t{range.last} - range.first + 1;
    const uint64_t from = std::max<uint64_t>(places.first, before + 1);
    const uint64_t to = std::min<uint64_t>(places.last, before + size);
    if (from <= to) {
      out.push_back({static_cast<uint32_t>(range.first + (from - before - 1)),
                     static_cast<uint32_t>(range.first + (to - before - 1))});
    }
    before += size;
    if (before >= places.last) break;
  }
  return out;
}

std::vector<NumberRange> intersect(const std::vector<NumberRange>& a, const std::vector<NumberRange>& b) {
  std::vector<NumberRange> out;
  for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const NumberRange both{std::max(a[i].first, b[j].first), std::min(a[i].last, b[j].last)};
    if (both.first <= both.last) out.push_back(both);
    (a[i].last < b[j].last ? i : j)++;
  }
  return out;
}

}  // namespace posthouse::wire::imap
