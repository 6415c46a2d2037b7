// Making and reading X.509 certificates.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "base/ip.h"
#include "net/tls_impl.h"

namespace posthouse::net {

namespace {
constexpr long kSelfSignedDays = 3650;
constexpr size_t kMaxChain = 16;
constexpr size_t kMaxCommonName = 64;  // ub-common-name, RFC 5280

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

std::string text_of(const BioPtr& bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? std::string(data, static_cast<size_t>(size)) : std::string();
}

std::string_view view(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

bool add_extension(X509* certificate, int id, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = (bytes[0] & 0x7f) | 0x40;  // positive, never short
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(BN_bin2bn(bytes, sizeof bytes, nullptr));
  return number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::vector<std::string>& names) {
  std::string alternative;
  for (const std::string& name : names) {
    // The extension's text form has its own syntax, which a name must not get into.
    if (name.empty() || name.find_first_of(",;:\n\r\\\"= ") != std::string::npos) {
      if (!IpAddress::parse(name)) return false;
    }
    alternative += alternative.empty() ? "" : ",";
    alternative += (IpAddress::parse(name) ? "IP:" : "DNS:") + name;
  }
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const std::string common = names.front().substr(0, kMaxCommonName);
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != nullptr &&  // clocks differ
         X509_time_adj_ex(X509_getm_notAfter(certificate), kSelfSignedDays, 0, nullptr) != nullptr &&
         X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1 && X509_set_pubkey(certificate, key) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth") &&
         add_extension(certificate, NID_subject_alt_name, alternative) &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}
}  // namespace

std::vector<X509Ptr> read_chain(const std::string& pem) {
  std::vector<X509Ptr> chain;
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  while (bio && chain.size() < kMaxChain) {
    X509Ptr next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!next) break;
    chain.push_back(std::move(next));
  }
  if (!chain.empty()) ERR_clear_error();  // "no start line" is how the end is told
  return chain;
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  const NamesPtr alternatives(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = alternatives ? sk_GENERAL_NAME_num(alternatives.get()) : 0;
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_DNS) {
      names.push_back(normal_name(view(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      const std::string_view bytes = view(name->d.iPAddress);
      IpAddress address;
      address.v6 = bytes.size() == 16;
      if (bytes.size() != 4 && bytes.size() != 16) continue;
      std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
      names.push_back(address.to_string());
    }
  }
  return names;
}

Result<ServerCertificate> make_self_signed(const std::vector<std::string>& names) {
  ERR_clear_error();
  if (names.empty()) return fail(FaultKind::permanent, "a certificate needs a name");
  const KeyPtr key(EVP_EC_gen("P-256"));
  const X509Ptr certificate(X509_new());
  if (!key || !certificate || !fill(certificate.get(), key.get(), names)) {
    return fail(FaultKind::permanent,
                "self-signed certificate for " + names.front() + ": " + openssl_reason());
  }
  const BioPtr chain(BIO_new(BIO_s_mem()));
  const BioPtr secret(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(chain.get(), certificate.get()) != 1 ||
      PEM_write_bio_PrivateKey(secret.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(FaultKind::io, openssl_reason());
  }
  return ServerCertificate{text_of(chain), text_of(secret)};
}

Result<CertificateFacts> certificate_facts(const std::string& chain_pem) {
  ERR_clear_error();
  const std::vector<X509Ptr> chain = read_chain(chain_pem);
  if (chain.empty()) return fail(FaultKind::syntax, "certificate: " + openssl_reason());
  CertificateFacts facts;
  facts.names = names_of(*chain.front());
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(chain.front().get()), &end) != 1) {
    return fail(FaultKind::syntax, "certificate: no end of validity");
  }
  facts.not_after = timegm(&end);
  return facts;
}

}  // namespace posthouse::net
