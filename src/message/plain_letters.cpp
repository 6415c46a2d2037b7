#include "message/plain_letters.h"

#include <unicode/uchar.h>

#include <utility>

#include "message/unicode_text.h"

namespace posthouse::message {

namespace {

// In the case that casemap() gives them.
constexpr std::pair<char32_t, std::u32string_view> kPlain[] = {
    {0x00C6, U"AE"}, {0x00D0, U"D"}, {0x00D8, U"O"}, {0x00DE, U"TH"}, {0x00DF, U"SS"},
    {0x0110, U"D"},  {0x0126, U"H"}, {0x0131, U"I"}, {0x0141, U"L"},  {0x014A, U"N"},
    {0x0152, U"OE"}, {0x0166, U"T"}, {0x1E9E, U"SS"}};

void append_plain(char32_t c, std::u32string& out) {
  for (const auto& [letter, plain] : kPlain) {
    if (c == letter) {
      out += plain;
      return;
    }
  }
  const int8_t type = u_charType(static_cast<UChar32>(c));
  if (type != U_NON_SPACING_MARK && type != U_ENCLOSING_MARK) out += c;
}

}  // namespace

void append_plain_letters(std::string_view casemapped, std::u32string& out) {
  for (size_t at = 0; at < casemapped.size();) {
    const auto lead = static_cast<unsigned char>(casemapped[at]);
    if (lead < 0x80) {
      out += static_cast<char32_t>(lead);
      at++;
      continue;
    }
    const size_t size = utf8_sequence(casemapped.substr(at));
    if (size > 0) append_plain(utf8_code_point(casemapped.substr(at, size)), out);
    at += size > 0 ? size : 1;
  }
}

}  // namespace posthouse::message
