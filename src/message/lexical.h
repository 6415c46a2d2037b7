// What the readers and writers of structured fields share (RFC 5322 sections 3.2.2 and 3.2.4).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::message {

// Between tokens: white space, what is left of folding, and NUL, which some senders leave.
constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

// Where the comment ends that begins at `at` with "(", comments within it included; nothing if it is never
// closed.
inline std::optional<size_t> comment_end(std::string_view text, size_t at) {
  size_t depth = 0;
  for (size_t i = at; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '(') {
      ++depth;
    } else if (text[i] == ')' && --depth == 0) {
      return i + 1;
    }
  }
  return std::nullopt;
}

// `text` as a quoted string. Without line ends, which can't be in one.
inline std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out += '"';
}

}  // namespace posthouse::message
