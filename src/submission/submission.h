// The submission agent (MSA, RFC 6409): letters from our own users, groomed and taken in.
#pragma once

#include <memory>
#include <string>

#include "acceptance/acceptance.h"
#include "base/clock.h"
#include "base/random.h"
#include "directory/directory.h"
#include "smtp/server.h"
#include "submission/signer.h"

namespace posthouse::submission {

struct Options {
  std::string hostname;
  std::string default_domain;  // completes unqualified addresses
  uint64_t max_size = 50ull << 20;
  uint32_t max_connections = 1000;
  uint32_t max_connections_per_network = 100;  // a /24 or /64
};

// Serves sessions that logged in. A login may send as its own addresses only, in the envelope and in the
// header (From, each address of it, and Sender); the null reverse-path is allowed, since that is how clients
// send disposition notifications (RFC 8098 section 3). Recipients may be anywhere.
//
// `signer` (null: nothing is signed) must outlive the service; see submission/signer.h.
std::unique_ptr<smtp::SmtpService> make_submission(acceptance::Acceptance& acceptance,
                                                   directory::Directory& directory, const Clock& clock,
                                                   Random& random, Options options, Signer* signer = nullptr);

}  // namespace posthouse::submission
