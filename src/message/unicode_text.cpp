#include "message/unicode_text.h"

#include <unicode/ucasemap.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <limits>
#include <vector>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

constexpr size_t kMaxIcu = std::numeric_limits<int32_t>::max() / 4;

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

}  // namespace posthouse::message
