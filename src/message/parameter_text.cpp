// Parameters for people to read; apart from their parsing because it needs charsets.
#include "base/ascii.h"
#include "message/charset.h"
#include "message/content_field.h"
#include "message/encoded_word.h"
#include "message/transfer.h"

namespace posthouse::message {
namespace {

std::string percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = text[i] == '%' && i + 2 < text.size() ? hex_byte(text[i + 1], text[i + 2]) : -1;
    out += value < 0 ? text[i] : static_cast<char>(value);
    if (value >= 0) i += 2;
  }
  return out;
}

}  // namespace

std::string parameter_text(const Parameters& parameters, std::string_view name) {
  const auto extended = find_parameter(parameters, std::string(name) + "*");
  if (extended.empty()) return decode_words(find_parameter(parameters, name));
  // charset'language'text; without the quotes it is all text.
  const size_t first = extended.find('\'');
  const size_t second = first == std::string_view::npos ? first : extended.find('\'', first + 1);
  if (second == std::string_view::npos) return to_utf8(percent_decode(extended), "utf-8");
  return to_utf8(percent_decode(extended.substr(second + 1)), extended.substr(0, first));
}

}  // namespace posthouse::message
