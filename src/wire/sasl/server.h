// SASL on the server: PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS, as a dialogue of byte strings that SMTP, IMAP
// and POP3 sessions carry in their own ways. The mechanism part of SCRAM is GNU SASL's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/task.h"

namespace posthouse::wire::sasl {

// Keys of SCRAM-SHA-256 for one user (RFC 5802 section 3); `account` absent: made up for an unknown user.
struct ScramCredential {
  uint32_t iterations = 0;
  std::string salt, stored_key, server_key;
  std::optional<uint64_t> account;
  std::string address;
};

struct Identity {
  uint64_t account = 0;
  std::string address;
};

// Checks credentials. app/ backs it with the directory; tests with a map. Faults: policy (wrong, disabled,
// throttled), temporary or io (can't tell now).
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Task<Result<Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                 std::string protocol) = 0;
  virtual Task<Result<ScramCredential>> scram_credential(std::string name, IpAddress peer) = 0;
  // How an exchange ended whose keys scram_credential() gave. False: so many others have failed since it
  // began that its success does not stand.
  virtual bool report(std::string name, IpAddress peer, bool success) = 0;
};

struct Channel {
  bool tls = false;
  bool allow_plain_without_tls = false;
  std::string binding_type;  // "tls-exporter", "tls-unique" or ""
  std::string binding;       // raw bytes
  IpAddress peer;
  std::string protocol;  // "submission", "imap", "pop3"
};

// Names to announce now, best first: with TLS (or allowed without): SCRAM-SHA-256-PLUS (if the binding is
// known), SCRAM-SHA-256, PLAIN, LOGIN. Without: none.
std::vector<std::string> mechanisms(const Channel& channel);

// One authentication exchange. Messages are decoded bytes (the protocol does base64 and its line limits).
class Exchange {
 public:
  struct Step {
    enum Kind { challenge, success, failure } kind = failure;
    std::string data;   // challenge to send, or last data with success (may be empty)
    Identity identity;  // on success
    Fault fault;        // on failure
  };
  virtual ~Exchange() = default;
  // First call: the initial response, or nothing if the client sent none.
  virtual Task<Step> step(std::optional<std::string> message) = 0;
};

// Fails with `syntax` for an unknown mechanism, `policy` for one that is not allowed on this channel.
Result<std::unique_ptr<Exchange>> start(std::string_view mechanism, const Channel& channel,
                                        Authenticator& authenticator);

}  // namespace posthouse::wire::sasl
