// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. NUL is allowed here.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace posthouse {

bool is_utf8(std::string_view text);

// Length of the well-formed sequence at the start of `text`, or 0 if there is none.
size_t utf8_sequence(std::string_view text);

// The code point of the well-formed sequence of that length.
char32_t utf8_code_point(std::string_view sequence);

// What is no character becomes U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

// `text` with everything that is not well-formed replaced by U+FFFD, once per byte.
std::string to_valid_utf8(std::string_view text);

}  // namespace posthouse
