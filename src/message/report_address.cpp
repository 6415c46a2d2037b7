#include "message/report_address.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "message/unicode_text.h"

namespace posthouse::message {

std::string to_unitext(std::string_view address) {
  std::string out;
  while (!address.empty()) {
    const size_t n = std::max<size_t>(1, utf8_sequence(address));
    const char c = address[0];
    if (n > 1 || c <= ' ' || c == 127 || c == '\\' || c == '+' || c == '=') {
      out += fmt::format(
          "\\x{{{:02X}}}",
          static_cast<uint32_t>(is_8bit(c) && n == 1 ? 0xFFFD : utf8_code_point(address.substr(0, n))));
    } else {
      out += c;
    }
    address.remove_prefix(n);
  }
  return out;
}

std::string typed_address(const Address& address, bool utf8) {
  const std::string text = address.to_string();
  if (address.is_ascii()) return "rfc822;" + text;
  return "utf-8;" + (utf8 ? text : to_unitext(text));
}

}  // namespace posthouse::message
