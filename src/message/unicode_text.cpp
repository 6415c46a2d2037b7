#include "message/unicode_text.h"

#include <unicode/ucasemap.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <limits>
#include <vector>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr size_t kMaxIcu = std::numeric_limits<int32_t>::max() / 4;

bool is_tail(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::vector<UChar> to_utf16(std::string_view utf8) {
  std::vector<UChar> out(utf8.size() + 1);
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strFromUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &length, utf8.data(),
                       static_cast<int32_t>(utf8.size()), 0xFFFD, nullptr, &status);
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(length) : 0);
  return out;
}

std::string to_utf8(const std::vector<UChar>& text) {
  std::string out(text.size() * 3, '\0');
  int32_t length = 0;
  UErrorCode status = U_ZERO_ERROR;
  u_strToUTF8WithSub(out.data(), static_cast<int32_t>(out.size()), &length, text.data(),
                     static_cast<int32_t>(text.size()), 0xFFFD, nullptr, &status);
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(length) : 0);
  return out;
}

// An ICU call that says how much room it wants: once, and again with that room.
template <class Call>
std::vector<UChar> with_room(size_t first, const Call& call) {
  std::vector<UChar> out(first);
  UErrorCode status = U_ZERO_ERROR;
  int32_t length = call(out.data(), static_cast<int32_t>(out.size()), &status);
  if (status == U_BUFFER_OVERFLOW_ERROR) {
    out.resize(static_cast<size_t>(length) + 1);
    status = U_ZERO_ERROR;
    length = call(out.data(), static_cast<int32_t>(out.size()), &status);
  }
  out.resize(U_SUCCESS(status) ? static_cast<size_t>(length) : 0);
  return out;
}

std::vector<UChar> nfc(const std::vector<UChar>& text) {
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFCInstance(&status);
  if (U_FAILURE(status)) return text;
  return with_room(text.size() + 16, [&](UChar* out, int32_t room, UErrorCode* error) {
    return unorm2_normalize(normalizer, text.data(), static_cast<int32_t>(text.size()), out, room, error);
  });
}

}  // namespace

size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const auto second = text.size() > 1 ? static_cast<unsigned char>(text[1]) : 0;
  if (lead >= 0xC2 && lead <= 0xDF) return (second & 0xC0) == 0x80 ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const unsigned char low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return text.size() > 2 && second >= low && second <= high && is_tail(text[2]) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const unsigned char low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return text.size() > 3 && second >= low && second <= high && is_tail(text[2]) && is_tail(text[3]) ? 4 : 0;
  }
  return 0;
}

char32_t utf8_code_point(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(s[i])); };
  switch (s.size()) {
    case 1:
      return byte(0);
    case 2:
      return (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F);
    case 3:
      return (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    default:
      return (byte(0) & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
  }
}

void append_utf8(std::string& out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
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

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t n = utf8_sequence(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t n = utf8_sequence(text);
    out.append(n == 0 ? kReplacement : text.substr(0, n));
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

std::string normalize_nfc(std::string_view utf8) {
  if (!has_8bit(utf8)) return std::string(utf8);
  if (utf8.size() > kMaxIcu) return to_valid_utf8(utf8);
  return to_utf8(nfc(to_utf16(utf8)));
}

std::string fold_case(std::string_view utf8) {
  if (!has_8bit(utf8)) return to_lower(utf8);
  if (utf8.size() > kMaxIcu) return to_valid_utf8(utf8);
  const auto text = nfc(to_utf16(utf8));
  const auto folded = with_room(text.size() + 16, [&](UChar* out, int32_t room, UErrorCode* error) {
    return u_strFoldCase(out, room, text.data(), static_cast<int32_t>(text.size()), U_FOLD_CASE_DEFAULT,
                         error);
  });
  return to_utf8(nfc(folded));
}

size_t last_fold_boundary(std::string_view utf8) {
  constexpr size_t kLook = 512;
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFCInstance(&status);
  size_t start = 0;  // of the last character seen
  for (size_t i = utf8.size(); i-- > 0 && utf8.size() - i < kLook;) {
    if (is_tail(utf8[i])) continue;
    const size_t n = utf8_sequence(utf8.substr(i));
    if (n == 0) continue;
    if (start == 0) start = i;
    if (U_SUCCESS(status) &&
        unorm2_hasBoundaryBefore(normalizer, static_cast<UChar32>(utf8_code_point(utf8.substr(i, n))))) {
      return i;
    }
  }
  return start;
}

}  // namespace posthouse::message
