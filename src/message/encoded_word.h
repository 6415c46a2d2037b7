// Encoded words: other scripts in header fields of ASCII (RFC 2047, RFC 2231 section 5).
#pragma once

#include <string>
#include <string_view>

namespace posthouse::message {

// The text of an unstructured value, or of a display name: unfolded, encoded words decoded (also where they
// touch other text or are split inside a character, as mailers write them), raw 8-bit bytes read as UTF-8 or
// windows-1252. UTF-8 without CR, LF and NUL.
std::string decode_words(std::string_view value);

// The same to the letter: words that touch other text, or whose charset nobody knows, stay (RFC 2047 section
// 5), and control characters inside words go (RFC 8621 section 4.1.2.2).
std::string decode_words_strictly(std::string_view value);

// The other way: ASCII stays as it is, else all becomes encoded words of UTF-8 (each at most 75 characters
// and whole characters, with a blank between). `value` that is not UTF-8 is first read as decode_words()
// does.
std::string encode_words(std::string_view value);

// Encoded words that stand for `text` in any case.
std::string force_encoded_words(std::string_view utf8);

}  // namespace posthouse::message
