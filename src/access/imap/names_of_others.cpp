#include "access/imap/names_of_others.h"

#include <algorithm>

#include "access/imap/sharing.h"
#include "base/ascii.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

using wire::imap::kSeparator;

size_t size_of_prefix(std::string_view name) {
  if (!is_shared_name(name)) return 0;
  const size_t first = name.find(kSeparator);
  const size_t second = first == std::string_view::npos ? first : name.find(kSeparator, first + 1);
  return second == std::string_view::npos ? 0 : second + 1;
}

bool has_dot_level(std::string_view name) {
  return std::ranges::any_of(split(name, kSeparator),
                             [](std::string_view level) { return level == "." || level == ".."; });
}

}  // namespace posthouse::access::imap
