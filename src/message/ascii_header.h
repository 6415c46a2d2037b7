// A header for those who may not be shown UTF-8 (RFC 6855 section 7, RFC 6856 section 2.1).
#pragma once

#include <string>
#include <string_view>

namespace posthouse::message {

// Whether any octet is beyond ASCII.
bool has_8bit(std::string_view text);

// A surrogate of `header` (with or without its empty line) that is all ASCII. Fields that are it already stay
// to the octet. Display names and text become encoded words, domains A-labels; a mailbox whose local part has
// no form in ASCII becomes an empty group of its name (RFC 6857 section 3.1.8), and elsewhere a character
// that can't be told is a question mark.
std::string ascii_header(std::string_view header);

}  // namespace posthouse::message
