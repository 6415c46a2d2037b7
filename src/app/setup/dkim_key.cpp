#include "app/setup/dkim_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base64.h"

namespace posthouse::app {
namespace {

constexpr unsigned kRsaBits = 2048;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

std::unexpected<Fault> failed(const char* what) {
  return fail(FaultKind::io, fmt::format("OpenSSL: {}", what));
}

Result<std::string> private_pem(const Key& key) {
  std::unique_ptr<BIO, FreeBio> out(BIO_new(BIO_s_mem()));
  if (!out ||
      PEM_write_bio_PKCS8PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed("writing a key");
  }
  char* bytes = nullptr;
  long length = BIO_get_mem_data(out.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(length));
}

}  // namespace

Result<DkimKey> make_rsa_key() {
  Key key(EVP_RSA_gen(kRsaBits));
  if (!key) return failed("making an RSA key");
  auto pem = private_pem(key);
  if (!pem) return std::unexpected(pem.error());
  unsigned char* der = nullptr;
  int length = i2d_PUBKEY(key.get(), &der);
  if (length <= 0) return failed("writing an RSA key");
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
  OPENSSL_free(der);
  return DkimKey{std::move(*pem), "v=DKIM1; k=rsa; p=" + base64_encode(bytes)};
}

Result<DkimKey> make_ed25519_key() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!key) return failed("making an Ed25519 key");
  auto pem = private_pem(key);
  if (!pem) return std::unexpected(pem.error());
  unsigned char bytes[32];
  size_t length = sizeof bytes;
  if (EVP_PKEY_get_raw_public_key(key.get(), bytes, &length) != 1) return failed("reading an Ed25519 key");
  std::string raw(reinterpret_cast<const char*>(bytes), length);
  return DkimKey{std::move(*pem), "v=DKIM1; k=ed25519; p=" + base64_encode(raw)};
}

}  // namespace posthouse::app
