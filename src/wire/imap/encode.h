// Strings as the server writes them (RFC 3501 section 4.3).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::wire::imap {

// True if `text` may stand between quotes: no CR, LF or NUL, not too long, and 7-bit, or UTF-8 for who has
// enabled that (RFC 9051 section 4.3).
bool is_quotable(std::string_view text, bool utf8 = false);

// A quoted string where that is possible, else a literal.
void append_string(std::string& out, std::string_view text, bool utf8 = false);

// The same of any octets: with a literal8 for those with NULs (RFC 3516 section 7).
void append_octets(std::string& out, std::string_view octets);

// "{n}" and the line end that come before the bytes of a literal.
void append_literal_header(std::string& out, uint64_t size);

// An atom where that is possible, else a string.
void append_astring(std::string& out, std::string_view text);

// A mailbox name given in UTF-8, as an astring: in modified UTF-7, or (`utf8`) as it is.
void append_mailbox(std::string& out, std::string_view name, bool utf8);

// Free text of a response (resp-text): control characters and 8-bit become "?", so that no input ends a line
// early.
void append_text(std::string& out, std::string_view text);

}  // namespace posthouse::wire::imap
