// The submission agent (MSA, RFC 6409): letters from our own users, groomed and taken in.
#pragma once

#include <memory>
#include <string>

#include "acceptance/acceptance.h"
#include "base/clock.h"
#include "base/random.h"
#include "directory/directory.h"
#include "smtp/server.h"

namespace posthouse::submission {

struct Options {
  std::string hostname;
  std::string default_domain;          // completes unqualified addresses
  uint64_t max_size = 50ull << 20;
};

// The place of the DKIM signature in the road: sees the groomed header and the body hash input as it streams.
// Nothing signs yet.
class Signer;

std::unique_ptr<smtp::SmtpService> make_submission(acceptance::Acceptance& acceptance,
                                                   directory::Directory& directory, const Clock& clock,
                                                   Random& random, Options options);

}  // namespace posthouse::submission
