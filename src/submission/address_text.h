// Lists of addresses as text, for what grooming looks at beyond the addresses themselves.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::submission {

// Whether a line is longer than what we changed may be (kMaxLine).
bool has_long_line(std::string_view value);

// The list with its lines cut behind commas, where they are not part of a quoted string or a comment.
std::string fold_list(std::string_view value);

// Whether an entry of the list has two addresses with nothing between them: one reader takes the first for
// the author, another the last. An address before one in brackets is its display name, which many write
// unquoted.
bool has_double_entry(std::string_view value);

}  // namespace posthouse::submission
