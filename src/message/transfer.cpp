#include "message/transfer.h"

#include <array>

#include "base/ascii.h"
#include "base/base64.h"

namespace posthouse::message {
namespace {

constexpr size_t kEncodedLine = 76;
constexpr size_t kMaxHeldBlanks = 4096;

constexpr std::array<int8_t, 256> make_base64_values() {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<int8_t>(i);
  return values;
}
constexpr auto kBase64Values = make_base64_values();

// Of quoted-printable: not the start of a code, and no blank that may end a line.
bool is_plain(std::string_view bytes, size_t at) {
  const char c = bytes[at];
  if (c == '=') return false;
  if (!is_wsp(c)) return true;
  if (at + 1 == bytes.size()) return false;
  const char next = bytes[at + 1];
  return !is_wsp(next) && next != '\r' && next != '\n' && next != '=';
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

int hex_byte(char high, char low) {
  const int h = hex_digit(high), l = hex_digit(low);
  return h < 0 || l < 0 ? -1 : h * 16 + l;
}

TransferEncoding transfer_encoding(std::string_view name) {
  if (iequals(name, "base64")) return TransferEncoding::base64;
  if (iequals(name, "quoted-printable")) return TransferEncoding::quoted_printable;
  if (name.empty() || iequals(name, "7bit") || iequals(name, "8bit") || iequals(name, "binary")) {
    return TransferEncoding::identity;
  }
  return TransferEncoding::unknown;
}

void TransferDecoder::feed(std::string_view bytes, std::string& out) {
  switch (encoding_) {
    case TransferEncoding::base64:
      return feed_base64(bytes, out);
    case TransferEncoding::quoted_printable:
      return feed_quoted(bytes, out);
    default:
      out.append(bytes);
  }
}

void TransferDecoder::finish(std::string& out) {
  if (encoding_ == TransferEncoding::base64) end_padding(out);
  // Blanks at the end of the last line are transport padding; a lone "=" or "=X" stays.
  if (held_.starts_with('=')) out.append(held_);
  held_.clear();
}

// A group that ends early: two digits are a byte, three are two.
void TransferDecoder::end_padding(std::string& out) {
  if (digits_ == 2) out += static_cast<char>(bits_ >> 4);
  if (digits_ == 3) {
    out += static_cast<char>(bits_ >> 10);
    out += static_cast<char>(bits_ >> 2);
  }
  bits_ = 0;
  digits_ = 0;
}

void TransferDecoder::feed_base64(std::string_view bytes, std::string& out) {
  for (char c : bytes) {
    const int value = kBase64Values[static_cast<unsigned char>(c)];
    if (value < 0) {
      if (c == '=') end_padding(out);
      continue;
    }
    bits_ = bits_ << 6 | static_cast<uint32_t>(value);
    if (++digits_ < 4) continue;
    const char group[3] = {static_cast<char>(bits_ >> 16), static_cast<char>(bits_ >> 8),
                           static_cast<char>(bits_)};
    out.append(group, 3);
    bits_ = 0;
    digits_ = 0;
  }
}

void TransferDecoder::feed_quoted(std::string_view bytes, std::string& out) {
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (held_.empty()) {
      const size_t plain = i;
      while (i < bytes.size() && is_plain(bytes, i)) ++i;
      out.append(bytes.substr(plain, i - plain));
      if (i == bytes.size()) return;
    }
    const char c = bytes[i];
    if (held_.empty()) {
      if (c == '=' || is_wsp(c)) {
        held_ = c;
      } else {
        out += c;
      }
      continue;
    }
    if (held_[0] != '=') {  // blanks
      if (is_wsp(c) && held_.size() < kMaxHeldBlanks) {
        held_ += c;
        continue;
      }
      if (c != '\r' && c != '\n') out.append(held_);  // those at the end of a line were added on the way
      held_.clear();
      if (c == '=' || is_wsp(c)) {
        held_ = c;
      } else {
        out += c;
      }
      continue;
    }
    held_ += c;
    // "=" and a line end, maybe with blanks between, is a soft line break.
    if (c == '\n' && trim(std::string_view(held_).substr(1)).empty()) {
      held_.clear();
    } else if (trim(std::string_view(held_).substr(1)).empty() && held_.size() < kEncodedLine) {
      continue;
    } else if (held_.size() == 3 && hex_byte(held_[1], held_[2]) >= 0) {
      out += static_cast<char>(hex_byte(held_[1], held_[2]));
      held_.clear();
    } else if (held_.size() == 2 && hex_digit(c) >= 0) {
      continue;
    } else {
      // No code: the "=" stays, what follows it is looked at afresh.
      const std::string again = held_.substr(1);
      out += '=';
      held_.clear();
      feed_quoted(again, out);
    }
  }
}

std::string decode_base64(std::string_view text) {
  TransferDecoder decoder(TransferEncoding::base64);
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  decoder.feed(text, out);
  decoder.finish(out);
  return out;
}

std::string decode_quoted_printable(std::string_view text) {
  TransferDecoder decoder(TransferEncoding::quoted_printable);
  std::string out;
  decoder.feed(text, out);
  decoder.finish(out);
  return out;
}

void append_base64_lines(std::string& out, std::string_view bytes) {
  constexpr size_t kOctets = kEncodedLine / 4 * 3;
  for (size_t at = 0; at < bytes.size(); at += kOctets)
    out.append(base64_encode(bytes.substr(at, kOctets))).append("\r\n");
}

std::string encode_quoted_printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  size_t line = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || (c == '\r' && i + 1 < text.size() && text[i + 1] == '\n')) {
      if (c == '\r') ++i;
      out += "\r\n";
      line = 0;
      continue;
    }
    const bool line_ends = i + 1 == text.size() || text[i + 1] == '\n' || text[i + 1] == '\r';
    const bool plain = (c > ' ' && c <= '~' && c != '=') || (is_wsp(c) && !line_ends);
    const size_t width = plain ? 1 : 3;
    if (line + width > kEncodedLine - 1) {
      out += "=\r\n";
      line = 0;
    }
    // "From " and a lone dot at the start of a line are altered by some relays (RFC 2049 section 3).
    const bool fragile = line == 0 && (c == '.' || text.substr(i).starts_with("From "));
    if (plain && !fragile) {
      out += c;
      ++line;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '=';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
      line += 3;
    }
  }
  return out;
}

}  // namespace posthouse::message
