// TLS settings that many connections share: certificates, versions, what to verify. OpenSSL is behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace posthouse::net {

struct ServerCertificate {
  std::string chain_pem;  // certificate, then intermediates
  std::string key_pem;
};

// Immutable and thread-safe once made; a reload makes a new one and leaves running sessions on theirs.
class TlsContext {
 public:
  // `service`: "smtp", "imap", "pop3", ...: binds session tickets and ALPN to the service, so that a ticket
  // of one never resumes at another. The certificate is chosen by SNI among `certificates`; the first is the
  // default. TLS 1.2 and up.
  static Result<std::shared_ptr<const TlsContext>> server(const std::vector<ServerCertificate>& certificates,
                                                          const std::string& service);
  // `verify`: refuse a peer whose chain or name is not good; otherwise encrypt without asking (RFC 7435), as
  // MX delivery does without DANE or MTA-STS. `ca_file` empty: the system's.
  static Result<std::shared_ptr<const TlsContext>> client(bool verify, const std::string& ca_file);

  ~TlsContext();

  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  explicit TlsContext(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// A fresh key (EC P-256) and self-signed certificate for `names` (DNS names or IP addresses), valid 10 years.
Result<ServerCertificate> make_self_signed(const std::vector<std::string>& names);

// Names in the certificate and its end of validity (seconds since 1970), for checks and alarms.
struct CertificateFacts {
  std::vector<std::string> names;
  int64_t not_after = 0;
};
Result<CertificateFacts> certificate_facts(const std::string& chain_pem);

}  // namespace posthouse::net
