#include "base/raw_name.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace posthouse {

namespace {

constexpr std::string_view kMark = " [raw";

// The length of the character that stands first; 0 if it can't be shown: no UTF-8, or a control character.
size_t shown_at(std::string_view text) {
  const size_t length = utf8_sequence(text);
  const char32_t c = length == 0 ? 0 : utf8_code_point(text.substr(0, length));
  return c < 0x20 || (c >= 0x7f && c < 0xa0) ? 0 : length;
}

// FNV-1a: the name has to be the same after every start.
uint32_t number_of(std::string_view bytes) {
  uint32_t hash = 2'166'136'261;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619;
  return hash;
}

}  // namespace

RawName raw_name(std::string_view bytes) {
  for (std::string_view rest = bytes; !rest.empty();) {
    const size_t length = shown_at(rest);
    if (length == 0) return {escaped_name(bytes), false};
    rest.remove_prefix(length);
  }
  return {std::string(bytes), true};
}

std::string escaped_name(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const size_t length = bytes.front() == '%' ? 0 : shown_at(bytes);
    if (length == 0) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(bytes.front()));
    } else {
      out += bytes.substr(0, length);
    }
    bytes.remove_prefix(std::max<size_t>(1, length));
  }
  return out;
}

std::string shown_name(const RawName& name, std::string_view bytes,
                       const std::function<bool(const std::string&)>& taken) {
  if (name.plain && !taken(name.text)) return name.text;
  std::string marked = fmt::format("{}{}]", name.text, kMark);
  if (!taken(marked)) return marked;
  return fmt::format("{}{} {:08x}]", name.text, kMark, number_of(bytes));
}

bool may_be_raw(std::string_view name) {
  const auto odd = [](char c) { return static_cast<unsigned char>(c) >= 0x80 || c == '&'; };
  return name.find(kMark) != name.npos || std::ranges::any_of(name, odd);
}

}  // namespace posthouse
