// ASCII text as protocols use it: never the locale, never a surprise for bytes above 127.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse {

constexpr char ascii_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
constexpr char ascii_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_alnum(char c) {
  return is_alpha(c) || is_digit(c);
}
constexpr bool is_wsp(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_8bit(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0;
}

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals_of_one_size(std::string_view a, std::string_view b);
// Most texts that are compared differ in length or in their first letter.
inline bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return a.empty() || (((a[0] ^ b[0]) & 0xDF) == 0 && iequals_of_one_size(a, b));
}
bool istarts_with(std::string_view text, std::string_view prefix);
bool has_8bit(std::string_view text);
std::string_view trim(std::string_view text);  // spaces, tabs, CR and LF off both ends
std::vector<std::string_view> split(std::string_view text, char separator);  // "" gives one empty field

// All of `text` as an unsigned decimal number without sign or blanks; nothing on overflow or any other byte.
std::optional<uint64_t> parse_uint(std::string_view text);

// Orders and compares without regard to ASCII case, for maps.
struct ILess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

}  // namespace posthouse
