// The settings of each protocol as sessions take them. A reload makes new ones; running sessions keep theirs.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "access/imap/session.h"
#include "access/jmap/server.h"
#include "access/pop3/session.h"
#include "app/config/config.h"
#include "net/tls.h"
#include "smtp/server.h"

namespace posthouse::app {

struct Protocols {
  std::shared_ptr<const smtp::ServerOptions> smtp, submission, submissions, lmtp;
  std::shared_ptr<const access::imap::ServerOptions> imap, imaps;
  std::shared_ptr<const access::pop3::ServerOptions> pop3, pop3s;
  std::shared_ptr<const access::jmap::ServerOptions> jmap;
  std::shared_ptr<const net::TlsContext> https;
  uint64_t imap_connections = 0, imap_connections_per_network = 0;
  uint64_t pop3_connections = 0, pop3_connections_per_network = 0;
  uint64_t http_connections = 0, http_connections_per_network = 0;
  int64_t certificate_ends = 0;  // the earliest end of a certificate in use, seconds since 1970; 0: none
};

// Reads the certificates; the fault names the files of the pair.
Result<void> check_certificates(const Config& config);

// Whether a reload may go from `now` to `fresh`: other files are named only when they can be used. Files that
// stand as before but went bad are another matter: those read earlier stay in service. The fault names the
// option.
Result<void> certificates_can_be_taken(const Config& fresh, const Config& now);

// Fails when a certificate does not fit its key.
Result<std::shared_ptr<const Protocols>> make_protocols(
    const Config& config, const std::vector<net::ServerCertificate>& certificates);

}  // namespace posthouse::app
