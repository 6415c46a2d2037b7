// Message identifiers: Message-ID, In-Reply-To, References (RFC 5322 section 3.6.4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace posthouse::message {

// The identifiers of a field without their angle brackets, in order, normalised as RFC 5256 section 3 asks:
// quotes that are not needed, comments and blanks (a fold inside, as some mailers write it) are gone. Between
// them stand phrases and comments (RFC 5322 section 4.5.4), which are no identifiers. Where nothing is in
// brackets, a lone word with an "@" counts. At most limits::kMessageIds. Never fails; linear in the length of
// the value.
std::vector<std::string> parse_message_ids(std::string_view value);

// The same with the quotes that they are written with.
std::vector<std::string> parse_message_ids_as_written(std::string_view value);

}  // namespace posthouse::message
