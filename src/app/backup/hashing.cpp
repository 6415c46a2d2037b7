#include "app/backup/hashing.h"

#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace posthouse::app::backup {

struct Sha256::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* done) const { EVP_MD_CTX_free(done); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : impl_(std::make_unique<Impl>()) {
  if (!impl_->context || EVP_DigestInit_ex(impl_->context.get(), EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("SHA-256 is not to be had");
}

Sha256::~Sha256() = default;

void Sha256::feed(std::string_view bytes) {
  EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size());
}

std::string Sha256::finish() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_DigestFinal_ex(impl_->context.get(), digest, &size);
  std::string out;
  constexpr std::string_view kDigits = "0123456789abcdef";
  out.reserve(size_t{2} * size);
  for (unsigned i = 0; i < size; ++i) {
    out += kDigits[digest[i] >> 4];
    out += kDigits[digest[i] & 15];
  }
  return out;
}

std::string sha256(std::string_view bytes) {
  Sha256 hash;
  hash.feed(bytes);
  return hash.finish();
}

bool is_sha256(std::string_view text) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return text.size() == 64 && std::ranges::all_of(text, hex);
}

}  // namespace posthouse::app::backup
