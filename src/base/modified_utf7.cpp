#include "base/modified_utf7.h"

#include <algorithm>
#include <cstdint>

#include "base/utf8.h"

namespace posthouse {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool is_direct(char c, std::string_view never_direct) {
  return c >= ' ' && c <= '~' && never_direct.find(c) == std::string_view::npos;
}

// One code point off the front; U+FFFD (and one byte) where the bytes are no UTF-8.
char32_t take_code_point(std::string_view& text) {
  const size_t length = utf8_sequence(text);
  const char32_t taken = length == 0 ? 0xFFFD : utf8_code_point(text.substr(0, length));
  text.remove_prefix(std::max<size_t>(1, length));
  return taken;
}

// Base64 of UTF-16 units, six bits at a time, without padding.
class Base64Units {
 public:
  explicit Base64Units(std::string& out) : out_(out) {}
  void add(char32_t point) {
    if (point < 0x10000) return unit(point);
    unit(0xD800 + ((point - 0x10000) >> 10));
    unit(0xDC00 + ((point - 0x10000) & 0x3FF));
  }
  void finish() {
    if (count_ > 0) out_ += kAlphabet[bits_ << (6 - count_) & 0x3F];
  }

 private:
  void unit(uint32_t value) {
    bits_ = bits_ << 16 | value;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kAlphabet[bits_ >> count_ & 0x3F];
    }
  }

  std::string& out_;
  uint64_t bits_ = 0;
  unsigned count_ = 0;
};

// The inside of one "&...-". Units that don't belong together are told by spelling it again.
bool read_shifted(std::string_view text, std::string& out) {
  uint32_t bits = 0;
  unsigned count = 0;
  char32_t high = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0x3FFFFF;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const char32_t unit = bits >> count & 0xFFFF;
    const bool is_high = unit >= 0xD800 && unit < 0xDC00;
    const bool is_low = unit >= 0xDC00 && unit < 0xE000;
    if (is_low != (high != 0)) return false;
    if (!is_high) append_utf8(out, is_low ? 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00) : unit);
    high = is_high ? unit : 0;
  }
  return high == 0;
}

}  // namespace

std::string to_modified_utf7(std::string_view utf8, std::string_view never_direct) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    if (is_direct(utf8[0], never_direct)) {
      out += utf8[0];
      if (utf8[0] == '&') out += '-';
      utf8.remove_prefix(1);
      continue;
    }
    out += '&';
    Base64Units units(out);
    while (!utf8.empty() && !is_direct(utf8[0], never_direct)) units.add(take_code_point(utf8));
    units.finish();
    out += '-';
  }
  return out;
}

std::optional<std::string> from_modified_utf7(std::string_view text, std::string_view never_direct) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (c != '&') {
      out += c;
      continue;
    }
    const size_t end = text.find('-', at);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == at) {
      out += '&';
    } else if (!read_shifted(text.substr(at, end - at), out)) {
      return std::nullopt;
    }
    at = end + 1;
  }
  if (to_modified_utf7(out, never_direct) != text) return std::nullopt;
  return out;
}

}  // namespace posthouse
