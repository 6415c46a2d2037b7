// Patterns of LIST and LSUB (RFC 3501 section 6.3.8): "*" matches anything, "%" anything but the separator.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::wire::imap {

constexpr char kSeparator = '/';

// Works on decoded (UTF-8) names. A match takes at most size of pattern times size of name steps, whatever
// they are.
class ListPattern {
 public:
  explicit ListPattern(std::string pattern);
  // INBOX as the whole name or the first level matches in any case (RFC 3501 section 5.1). `ahead`: octets of
  // the name before the one that somebody else knows it by, with its own INBOX.
  bool matches(std::string_view name, size_t ahead = 0) const;
  // True if the pattern has no wildcard: it names one mailbox.
  bool plain() const { return plain_; }
  const std::string& text() const { return pattern_; }

 private:
  bool run(std::string_view name, size_t fold, size_t fold_end) const;
  std::string pattern_;
  bool plain_ = true;
};

}  // namespace posthouse::wire::imap
