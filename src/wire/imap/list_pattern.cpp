#include "wire/imap/list_pattern.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::wire::imap {

ListPattern::ListPattern(std::string pattern) {
  for (char c : pattern) {
    const bool wild = c == '*' || c == '%';
    plain_ = plain_ && !wild;
    // A run of wildcards is as good as its strongest one; fewer states to follow.
    if (wild && !pattern_.empty() && (pattern_.back() == '*' || pattern_.back() == '%')) {
      if (c == '*') pattern_.back() = '*';
      continue;
    }
    pattern_ += c;
  }
}

bool ListPattern::matches(std::string_view name, size_t ahead) const {
  ahead = std::min(ahead, name.size());
  const std::string_view own = name.substr(ahead);
  const std::string_view first = own.substr(0, own.find(kSeparator));
  return run(name, ahead, is_inbox(first) ? ahead + first.size() : ahead);
}

// Follows all places in the pattern at once, so that no input makes it go back. The octets of the name from
// `fold` to `fold_end` compare without regard to case.
bool ListPattern::run(std::string_view name, size_t fold, size_t fold_end) const {
  const size_t n = pattern_.size();
  std::vector<char> now(n + 1, 0);
  std::vector<char> next(n + 1, 0);
  auto is_wild = [&](size_t i) { return i < n && (pattern_[i] == '*' || pattern_[i] == '%'); };
  auto enter = [&](std::vector<char>& set, size_t i) {
    set[i] = 1;
    if (is_wild(i)) set[i + 1] = 1;  // runs were joined, so one step over an empty wildcard is enough
  };
  enter(now, 0);
  for (size_t at = 0; at < name.size(); at++) {
    const char c = name[at];
    std::fill(next.begin(), next.end(), 0);
    bool alive = false;
    for (size_t i = 0; i < n; i++) {
      if (!now[i]) continue;
      const char p = pattern_[i];
      const bool folds = at >= fold && at < fold_end;
      const bool same = folds ? ascii_lower(p) == ascii_lower(c) : p == c;
      if (is_wild(i)) {
        if (p == '*' || c != kSeparator) {
          enter(next, i);
          alive = true;
        }
      } else if (same) {
        enter(next, i + 1);
        alive = true;
      }
    }
    if (!alive) return false;
    std::swap(now, next);
  }
  return now[n] != 0;
}

}  // namespace posthouse::wire::imap
