#include "app/config/nearest.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace posthouse::app {
namespace {

constexpr size_t kFarthest = 2;
constexpr size_t kLongest = 64;  // longer words are nobody's slip of the pen

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
    }
  }
  return row[b.size()];
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  if (word.size() > kLongest) return best;
  size_t least = kFarthest + 1;
  for (std::string_view candidate : candidates) {
    // Of a word of three letters, two changed ones leave nothing.
    size_t away = edit_distance(word, candidate);
    if (away >= least || away * 2 > candidate.size()) continue;
    least = away;
    best = candidate;
  }
  return best;
}

}  // namespace posthouse::app
