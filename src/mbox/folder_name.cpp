#include "mbox/folder_name.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool is_direct(uint32_t c) {
  return c >= ' ' && c <= '~';
}

// The next character of `text` at `at`, which moves behind it; nothing when it is not well-formed UTF-8.
std::optional<uint32_t> next_character(std::string_view text, size_t& at) {
  const auto octet = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = octet(at);
  if (first < 0x80) return text[at++];
  const size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first > 0xF4 || text.size() - at <= more) return std::nullopt;
  uint32_t c = first & (0x3FU >> more);
  for (size_t i = 1; i <= more; ++i) {
    if ((octet(at + i) & 0xC0) != 0x80) return std::nullopt;
    c = c << 6 | (octet(at + i) & 0x3FU);
  }
  constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (c < kLeast[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
  at += more + 1;
  return c;
}

void put_utf8(uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

void put_shifted(const std::vector<uint32_t>& characters, std::string& out) {
  uint32_t bits = 0;
  int count = 0;
  const auto unit = [&](uint32_t value) {
    bits = bits << 16 | value;
    count += 16;
    while (count >= 6) {
      count -= 6;
      out += kAlphabet[bits >> count & 0x3F];
    }
    bits &= (1U << count) - 1;
  };
  out += '&';
  for (uint32_t c : characters) {
    if (c < 0x10000) {
      unit(c);
    } else {
      unit(0xD800 | (c - 0x10000) >> 10);
      unit(0xDC00 | ((c - 0x10000) & 0x3FF));
    }
  }
  if (count > 0) out += kAlphabet[bits << (6 - count) & 0x3F];
  out += '-';
}

std::unexpected<Fault> bad_utf7(std::string_view text) {
  return fail(FaultKind::syntax, "not modified UTF-7: " + std::string(text));
}

// The UTF-16 units of base64 text, as UTF-8; false for half a pair and what is not base64.
bool read_shifted(std::string_view text, std::string& out) {
  uint32_t bits = 0;
  int count = 0;
  uint32_t high = 0;
  for (char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return false;
    bits = (bits << 6 | static_cast<uint32_t>(value)) & 0x3FFFFF;
    count += 6;
    if (count < 16) continue;
    count -= 16;
    const uint32_t unit = bits >> count & 0xFFFF;
    const bool low = unit >= 0xDC00 && unit < 0xE000;
    if (low != (high != 0)) return false;
    if (unit >= 0xD800 && unit < 0xDC00) {
      high = unit;
      continue;
    }
    put_utf8(low ? 0x10000 + ((high & 0x3FF) << 10 | (unit & 0x3FF)) : unit, out);
    high = 0;
  }
  return high == 0;
}

}  // namespace

Result<std::string> to_modified_utf7(std::string_view utf8) {
  std::string out;
  std::vector<uint32_t> shifted;
  const auto flush = [&] {
    if (!shifted.empty()) put_shifted(shifted, out);
    shifted.clear();
  };
  for (size_t at = 0; at < utf8.size();) {
    const auto c = next_character(utf8, at);
    if (!c) return fail(FaultKind::syntax, "the name is not UTF-8");
    if (!is_direct(*c)) {
      shifted.push_back(*c);
      continue;
    }
    flush();
    out += static_cast<char>(*c);
    if (*c == '&') out += '-';
  }
  flush();
  return out;
}

Result<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char c = text[at++];
    if (!is_direct(static_cast<unsigned char>(c))) return bad_utf7(text);
    if (c != '&') {
      out += c;
      continue;
    }
    const size_t end = text.find('-', at);
    if (end == std::string_view::npos) return bad_utf7(text);
    if (end == at) {
      out += '&';
    } else if (!read_shifted(text.substr(at, end - at), out)) {
      return bad_utf7(text);
    }
    at = end + 1;
  }
  const auto again = to_modified_utf7(out);
  if (!again || *again != text) return bad_utf7(text);
  return out;
}

bool is_folder_part(std::string_view part) {
  if (part.empty() || part.front() == '.' || part.size() > kMaxNamePart) return false;
  for (char c : part) {
    if (static_cast<unsigned char>(c) < ' ' || c == 127 || c == '/') return false;
  }
  const std::string lower = to_lower(part);
  return !lower.ends_with(".lock") && lower.find(".posthouse-journal") == std::string::npos;
}

Result<std::string> folder_path(std::string_view name) {
  const auto disk = to_modified_utf7(name);
  if (!disk) return disk;
  const auto parts = split(*disk, '/');
  if (parts.size() > kMaxNameDepth) return fail(FaultKind::syntax, "the name has too many parts");
  for (std::string_view part : parts) {
    if (!is_folder_part(part)) return fail(FaultKind::syntax, "no name for a folder: " + *disk);
  }
  if (iequals(parts.front(), "INBOX")) return fail(FaultKind::syntax, "INBOX has no file among the folders");
  for (size_t at = 0; at < name.size();) {
    const auto c = next_character(name, at);
    if (c && (*c < ' ' || (*c >= 0x7F && *c < 0xA0)))
      return fail(FaultKind::syntax, "the name has a control character");
  }
  return disk;
}

}  // namespace posthouse::mbox
