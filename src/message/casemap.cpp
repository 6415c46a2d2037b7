// The collation i;unicode-casemap (RFC 5051).
#include <unicode/uchar.h>
#include <unicode/unorm2.h>

#include <array>
#include <vector>

#include "base/ascii.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr int kDepth = 8;             // of decompositions; Unicode's are less deep
constexpr char32_t kTabled = 0x3000;  // below are the scripts that have capital letters

// What UnicodeData.txt has as decomposition. Those of Hangul syllables are not in it.
size_t decompose(UChar32 c, std::array<UChar, 64>& out) {
  if (c >= 0xAC00 && c <= 0xD7A3) return 0;
  UErrorCode status = U_ZERO_ERROR;
  const UNormalizer2* normalizer = unorm2_getNFKDInstance(&status);
  if (U_FAILURE(status)) return 0;
  const int32_t n =
      unorm2_getRawDecomposition(normalizer, c, out.data(), static_cast<int32_t>(out.size()), &status);
  return U_SUCCESS(status) && n > 0 ? static_cast<size_t>(n) : 0;
}

// Titlecase, then decomposition, and the same with what comes out.
void append_mapped(std::string& out, UChar32 c, int depth) {
  c = u_totitle(c);
  std::array<UChar, 64> parts{};
  const size_t n = depth < kDepth ? decompose(c, parts) : 0;
  if (n == 0) return append_utf8(out, static_cast<char32_t>(c));
  for (size_t i = 0; i < n;) {
    UChar32 part = 0;
    U16_NEXT(parts.data(), i, n, part);
    append_mapped(out, part, depth + 1);
  }
}

const std::vector<std::string>& table() {
  static const std::vector<std::string> mapped = [] {
    std::vector<std::string> made(kTabled);
    for (char32_t c = 0x80; c < kTabled; c++) append_mapped(made[c], static_cast<UChar32>(c), 0);
    return made;
  }();
  return mapped;
}

// Ideographs have neither case nor decomposition.
bool stands_for_itself(char32_t c) {
  return (c >= 0x4E00 && c < 0xA000) || (c >= 0xAC00 && c <= 0xD7A3);
}

}  // namespace

std::string casemap(std::string_view utf8) {
  if (!has_8bit(utf8)) return to_upper(utf8);
  const std::vector<std::string>& known = table();
  std::string out;
  out.reserve(utf8.size() + utf8.size() / 2);
  for (size_t i = 0; i < utf8.size();) {
    size_t plain = i;
    while (plain < utf8.size() && !is_8bit(utf8[plain])) plain++;
    if (plain > i) out += to_upper(utf8.substr(i, plain - i));
    i = plain;
    if (i == utf8.size()) break;
    const size_t n = utf8_sequence(utf8.substr(i));
    if (n == 0) {
      append_utf8(out, 0xFFFD);
      i++;
      continue;
    }
    const std::string_view sequence = utf8.substr(i, n);
    const char32_t c = utf8_code_point(sequence);
    if (c < kTabled) {
      out += known[c];
    } else if (stands_for_itself(c)) {
      out += sequence;
    } else {
      append_mapped(out, static_cast<UChar32>(c), 0);
    }
    i += n;
  }
  return out;
}

}  // namespace posthouse::message
