#include "base/base64.h"

#include <openssl/evp.h>

#include <climits>

#include "base/ascii.h"

namespace posthouse {

namespace {
// OpenSSL counts in int; more than this at once is no protocol's business.
constexpr size_t kMaxText = INT_MAX / 4 * 3;

bool in_alphabet(char c) {
  return is_alnum(c) || c == '+' || c == '/';
}
}  // namespace

std::string base64_encode(std::string_view bytes) {
  if (bytes.empty() || bytes.size() > kMaxText / 2) return {};
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock adds a NUL
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.size() % 4 != 0 || text.size() > kMaxText) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  for (const char c : text.substr(0, text.size() - padding)) {
    if (!in_alphabet(c)) return std::nullopt;  // EVP_DecodeBlock would forgive blanks
  }
  std::string out(text.size() / 4 * 3, '\0');
  const int size =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<size_t>(size) - padding);
  return out;
}

}  // namespace posthouse
