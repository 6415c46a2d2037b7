// Header fields as we write them: folded, ended with CRLF, and safe whatever the value holds.
#pragma once

#include <string>
#include <string_view>

namespace posthouse::message {

// The text on one line: CR, LF, TAB and other control characters become blanks, NUL goes; what is not UTF-8
// becomes U+FFFD, or with `utf8` false every character beyond ASCII "?".
std::string one_line(std::string_view text, bool utf8);

// "Name: value" folded at blanks to lines of 78 characters where it can be, at most 998 octets in any case (a
// longer word is broken), with CRLF. The value passes through one_line().
void append_field(std::string& out, std::string_view name, std::string_view value, bool utf8);

// The same for unstructured text (Subject): what needs_encoded_words() names becomes encoded words.
void append_text_field(std::string& out, std::string_view name, std::string_view text, bool utf8);

// Whether a text can stand in a field only as encoded words: it has 8-bit characters that may not be there,
// looks like an encoded word, or has words that don't fit on a line.
bool needs_encoded_words(std::string_view text, bool utf8);

}  // namespace posthouse::message
