// Unicode as mail needs it: validity, NFC, case folding. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::message {

// Well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF). NUL is allowed here.
bool is_utf8(std::string_view text);

// Length of the well-formed UTF-8 sequence at the start of `text`, or 0 if there is none.
size_t utf8_sequence(std::string_view text);

// The code point of the well-formed sequence of that length.
char32_t utf8_code_point(std::string_view sequence);
void append_utf8(std::string& out, char32_t code_point);

// `text` with everything that is not well-formed replaced by U+FFFD, once per byte.
std::string to_valid_utf8(std::string_view text);

// NFC and full case folding, NFC again; ill-formed bytes become U+FFFD. Pure ASCII takes a short way.
std::string fold_case(std::string_view utf8);
std::string normalize_nfc(std::string_view utf8);

// The last place (of the last few hundred octets) where `utf8` can be cut so that both sides normalise and
// fold alone; a character's start in any case; 0 if there is none.
size_t last_fold_boundary(std::string_view utf8);

}  // namespace posthouse::message
