#include "wire/imap/mailbox_name.h"

#include <cstdint>

#include "base/ascii.h"

namespace posthouse::wire::imap {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
constexpr char32_t kReplacement = 0xFFFD;

bool prints_as_itself(unsigned char c) {
  return c >= 0x20 && c <= 0x7e;
}

// One code point off the front; kReplacement (and one byte) where the bytes are no UTF-8.
char32_t take_code_point(std::string_view& text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  size_t length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  char32_t value = length == 1 ? first : first & (0x7f >> length);
  bool good = length != 0 && length <= text.size() && first < 0xf5;
  for (size_t i = 1; good && i < length; i++) {
    good = (byte(i) & 0xc0) == 0x80;
    value = value << 6 | (byte(i) & 0x3f);
  }
  if (good && length == 3) good = value >= 0x800 && (value < 0xd800 || value > 0xdfff);
  if (good && length == 4) good = value >= 0x10000 && value <= 0x10ffff;
  if (!good) {
    text.remove_prefix(1);
    return kReplacement;
  }
  text.remove_prefix(length);
  return value;
}

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

// Base64 of UTF-16 units, six bits at a time, without padding.
class Base64Units {
 public:
  explicit Base64Units(std::string& out) : out_(out) {}
  void unit(uint32_t u) {
    bits_ = bits_ << 16 | u;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kAlphabet[bits_ >> count_ & 0x3f];
    }
  }
  void finish() {
    if (count_ > 0) out_ += kAlphabet[bits_ << (6 - count_) & 0x3f];
  }

 private:
  std::string& out_;
  uint64_t bits_ = 0;
  unsigned count_ = 0;
};

// The inside of one "&...-": base64 of UTF-16BE.
bool decode_shifted(std::string_view text, std::string& out) {
  uint32_t bits = 0;
  unsigned count = 0;
  char32_t high = 0;
  for (char c : text) {
    size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0x3fffff;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    char32_t unit = bits >> count & 0xffff;
    if (unit >= 0xd800 && unit <= 0xdbff) {
      if (high != 0) return false;
      high = unit;
    } else if (unit >= 0xdc00 && unit <= 0xdfff) {
      if (high == 0) return false;
      append_utf8(out, 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00));
      high = 0;
    } else {
      if (high != 0) return false;
      append_utf8(out, unit);
    }
  }
  return high == 0;
}

}  // namespace

std::string encode_mailbox_name(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  while (!utf8.empty()) {
    auto c = static_cast<unsigned char>(utf8[0]);
    if (prints_as_itself(c)) {
      out += utf8[0];
      if (c == '&') out += '-';
      utf8.remove_prefix(1);
      continue;
    }
    out += '&';
    Base64Units units(out);
    while (!utf8.empty() && !prints_as_itself(static_cast<unsigned char>(utf8[0]))) {
      char32_t point = take_code_point(utf8);
      if (point >= 0x10000) {
        units.unit(0xd800 + ((point - 0x10000) >> 10));
        units.unit(0xdc00 + ((point - 0x10000) & 0x3ff));
      } else {
        units.unit(point);
      }
    }
    units.finish();
    out += '-';
  }
  return out;
}

std::optional<std::string> decode_mailbox_name(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (!prints_as_itself(static_cast<unsigned char>(text[i]))) return std::nullopt;
    if (text[i] != '&') {
      out += text[i++];
      continue;
    }
    size_t end = text.find('-', i);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == i + 1) {
      out += '&';
    } else if (!decode_shifted(text.substr(i + 1, end - i - 1), out)) {
      return std::nullopt;
    }
    i = end + 1;
  }
  // Two shifts in a row, printable characters inside a shift, left-over bits: other spellings of the same
  // name.
  if (encode_mailbox_name(out) != text) return std::nullopt;
  return out;
}

bool is_inbox(std::string_view name) {
  return iequals(name, "INBOX");
}

}  // namespace posthouse::wire::imap
