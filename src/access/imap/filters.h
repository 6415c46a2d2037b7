// Named searches (RFC 5466): server annotations whose value is put in where a SEARCH names them.
#pragma once

#include <optional>
#include <string>

#include "access/imap/state.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// The folder of the annotations with their criteria; behind it the name.
inline constexpr std::string_view kFilterValues = "/private/filters/values/";

// Whether a value is what a filter has: criteria in UTF-8.
bool is_filter(const std::string& value);

// Puts what the filters in `c` stand for in their places, as if in parentheses. Gives why it can't be done:
// one that does not exist, is in itself, or charset of the command that is not UTF-8.
Task<std::optional<Reply>> put_in_filters(Session& s, wire::imap::Search& c);

}  // namespace posthouse::access::imap
