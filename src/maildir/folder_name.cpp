#include "maildir/folder_name.h"

#include <cstdint>
#include <vector>

#include "base/ascii.h"
#include "maildir/limits.h"

namespace posthouse::maildir {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
constexpr std::string_view kInbox = "INBOX";

// Takes one character off `text`; nothing if it is no UTF-8 (RFC 3629 section 4).
std::optional<char32_t> take_utf8(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
  if (length == 0 || text.size() < length) return std::nullopt;
  char32_t c = length == 1 ? first : first & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    c = c << 6 | (byte(i) & 0x3fu);
  }
  static constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < kLeast[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return std::nullopt;
  text.remove_prefix(length);
  return c;
}

void put_utf8(char32_t c, std::string& out) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xc0 | c >> 6);
  } else if (c < 0x10000) {
    put(0xe0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3f));
  } else {
    put(0xf0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3f));
    put(0x80 | (c >> 6 & 0x3f));
  }
  put(0x80 | (c & 0x3f));
}

// Stands for itself; "&" and "." don't.
bool is_plain(char32_t c) {
  return c >= 0x20 && c <= 0x7e && c != '&' && c != '.' && c != '/';
}

void put_shifted(const std::u16string& units, std::string& out) {
  out += '&';
  uint32_t bits = 0;
  int count = 0;
  for (const char16_t unit : units) {
    bits = bits << 16 | unit;
    count += 16;
    for (; count >= 6; count -= 6) out += kDigits[bits >> (count - 6) & 0x3f];
    bits &= (1u << count) - 1;
  }
  if (count > 0) out += kDigits[bits << (6 - count) & 0x3f];
  out += '-';
}

bool encode_level(std::string_view level, std::string& out) {
  std::u16string shifted;
  const auto flush = [&] {
    if (!shifted.empty()) put_shifted(shifted, out);
    shifted.clear();
  };
  while (!level.empty()) {
    const std::optional<char32_t> c = take_utf8(level);
    if (!c || *c == 0) return false;
    if (is_plain(*c)) {
      flush();
      out += static_cast<char>(*c);
    } else if (*c == '&') {
      flush();
      out += "&-";
    } else if (*c < 0x10000) {
      shifted += static_cast<char16_t>(*c);
    } else {
      shifted += static_cast<char16_t>(0xd800 + ((*c - 0x10000) >> 10));
      shifted += static_cast<char16_t>(0xdc00 + ((*c - 0x10000) & 0x3ff));
    }
  }
  flush();
  return true;
}

// What stands between "&" and "-"; right or wrong is told by encoding it again.
void take_shifted(std::string_view digits, std::string& out) {
  uint32_t bits = 0;
  int count = 0;
  char32_t high = 0;
  for (const char digit : digits) {
    const size_t value = kDigits.find(digit);
    bits = bits << 6 | static_cast<uint32_t>(value == std::string_view::npos ? 0 : value);
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const char32_t unit = bits >> count & 0xffff;
    bits &= (1u << count) - 1;
    if (unit >= 0xd800 && unit < 0xdc00) {
      high = unit;
    } else if (unit >= 0xdc00 && unit < 0xe000) {
      put_utf8(0x10000 + ((high - 0xd800) << 10 & 0xffc00) + (unit - 0xdc00), out);
    } else {
      put_utf8(unit, out);
    }
  }
}

std::string decode_level(std::string_view level) {
  std::string out;
  while (!level.empty()) {
    const size_t shift = std::min(level.find('&'), level.size());
    out += level.substr(0, shift);
    level.remove_prefix(shift);
    if (level.empty()) break;
    const size_t end = std::min(level.find('-'), level.size() - 1);
    if (end == 1) {
      out += '&';
    } else {
      take_shifted(level.substr(1, end - 1), out);
    }
    level.remove_prefix(end + 1);
  }
  return out;
}

}  // namespace

bool is_inbox(std::string_view name) {
  return iequals(name, kInbox);
}

Result<std::string> encode_folder(std::string_view name) {
  const auto wrong = [](const char* why) {
    return fail(FaultKind::syntax, fmt::format("folder name: {}", why));
  };
  if (name.size() > kMaxFolderName) return wrong("too long");
  const std::vector<std::string_view> levels = split(name, '/');
  if (levels.size() > kMaxLevels) return wrong("too many levels");
  std::string out;
  for (const std::string_view level : levels) {
    if (level.empty()) return wrong("an empty level");
    out += '.';
    if (!encode_level(level, out)) return wrong("not UTF-8, or a NUL");
  }
  if (out.size() > kMaxFileName) return wrong("too long for a directory");
  return out;
}

std::optional<std::string> decode_folder(std::string_view directory) {
  if (directory.size() < 2 || directory[0] != '.') return std::nullopt;
  std::string name;
  for (const std::string_view level : split(directory.substr(1), '.')) {
    if (!name.empty()) name += '/';
    name += decode_level(level);
  }
  // Every name has one spelling, and every other spelling is somebody's mistake.
  const Result<std::string> again = encode_folder(name);
  return again && *again == directory ? std::optional(name) : std::nullopt;
}

std::string raw_folder(std::string_view directory) {
  std::string name;
  std::string_view rest =
      directory.substr(std::min<size_t>(directory.size(), directory.starts_with('.') ? 1 : 0));
  while (!rest.empty()) {
    std::string_view before = rest;
    const std::optional<char32_t> c = take_utf8(rest);
    if (!c || *c < 0x20 || *c == 0x7f) {
      name += fmt::format("%{:02X}", static_cast<unsigned char>(before[0]));
      rest = before.substr(1);
    } else if (*c == '.') {
      name += '/';
    } else {
      name += before.substr(0, before.size() - rest.size());
    }
  }
  return name;
}

}  // namespace posthouse::maildir
