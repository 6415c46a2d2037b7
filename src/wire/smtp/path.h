// Paths in angle brackets (RFC 5321 section 4.1.2), cut out but not yet taken apart: message/ knows
// addresses.
#pragma once

#include <optional>
#include <string_view>

namespace posthouse::wire::smtp {

struct PathCut {
  std::string_view path;  // between the brackets; "" is the null reverse-path
  std::string_view rest;  // after the closing bracket
};

// `text` begins at "<". Brackets inside a quoted local part don't count. Nothing if it does not close, or is
// longer than kMaxPath.
std::optional<PathCut> cut_path(std::string_view text);

}  // namespace posthouse::wire::smtp
