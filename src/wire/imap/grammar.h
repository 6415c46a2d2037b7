// Character classes of RFC 3501 section 9.
#pragma once

#include "base/ascii.h"

namespace posthouse::wire::imap {

constexpr bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// ATOM-CHAR: any CHAR except atom-specials.
constexpr bool is_atom_char(char c) {
  if (is_8bit(c) || is_control(c)) return false;
  switch (c) {
    case '(':
    case ')':
    case '{':
    case ' ':
    case '%':
    case '*':
    case '"':
    case '\\':
    case ']':
      return false;
    default:
      return true;
  }
}

// ASTRING-CHAR = ATOM-CHAR / resp-specials
constexpr bool is_astring_char(char c) {
  return is_atom_char(c) || c == ']';
}

// tag = 1*<any ASTRING-CHAR except "+">
constexpr bool is_tag_char(char c) {
  return is_astring_char(c) && c != '+';
}

// list-char = ATOM-CHAR / list-wildcards / resp-specials
constexpr bool is_list_char(char c) {
  return is_astring_char(c) || c == '%' || c == '*';
}

}  // namespace posthouse::wire::imap
