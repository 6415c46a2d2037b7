// SASL on the server: PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS, OAUTHBEARER and XOAUTH2, as a dialogue of byte
// strings that SMTP, IMAP and POP3 sessions carry in their own ways. The mechanism part of SCRAM is GNU
// SASL's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
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
  // Of the account's app passwords, for the same salt and iterations.
  struct AppKeys {
    uint32_t id = 0;
    std::string name, stored_key, server_key;
    bool allowed = false;  // here and now
  };
  std::vector<AppKeys> app_passwords{};
};

struct Identity {
  uint64_t account = 0;
  std::string address;
  uint32_t app_password = 0;        // by which it came; 0: by none
  std::string app_password_name{};  // for logs
};

// What clients are told of how to get a token (RFC 7628 section 3.2.2); both may be empty.
struct TokenOffer {
  std::string scope;
  std::string openid_configuration;  // a URL
};

// Checks credentials. app/ backs it with the directory; tests with a map. Faults: policy (wrong, disabled),
// temporary or io (can't tell now, or too many failed before).
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  virtual Task<Result<Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                 std::string protocol) = 0;
  virtual Task<Result<ScramCredential>> scram_credential(std::string name, IpAddress peer,
                                                         std::string protocol) = 0;
  // How an exchange ended whose keys scram_credential() gave: as whom, or not well. False: so many others
  // have failed since it began that its success does not stand.
  virtual Task<bool> report(std::string name, IpAddress peer, std::optional<Identity> as) = 0;

  // Where tokens are taken: what is told of them. nullptr: they are not, and the next is never called.
  virtual const TokenOffer* tokens() const { return nullptr; }
  // An OAuth 2.0 bearer token (RFC 6750). `name`: who the client says it is, or "". Faults: policy (not
  // good, or not this user's), permanent (good, but its scope is not enough), temporary or io.
  virtual Task<Result<Identity>> verify_token(std::string name, Secret token, IpAddress peer,
                                              std::string protocol) {
    static_cast<void>(std::tuple(std::move(name), std::move(token), peer, std::move(protocol)));
    co_return fail(FaultKind::policy, "no tokens here");
  }

  // Whether a login that was good still is, asked once the session can be found by who ends sessions: then
  // none slips through while an operator takes back what it came by.
  virtual Task<bool> still_stands(Identity who) {
    static_cast<void>(who);
    co_return true;
  }
};

struct Channel {
  bool tls = false;
  bool allow_plain_without_tls = false;
  std::string binding_type;  // "tls-exporter", "tls-unique" or ""
  std::string binding;       // raw bytes
  IpAddress peer;
  std::string protocol;                // "submission", "imap", "pop3"
  std::string session_id;              // for logs
  const TokenOffer* tokens = nullptr;  // Authenticator::tokens()
  std::string end_point;               // raw bytes of tls-server-end-point, beside `binding`; may be empty
};

// Names to announce now, best first: with TLS (or allowed without): SCRAM-SHA-256-PLUS (if the binding is
// known), SCRAM-SHA-256, PLAIN, LOGIN, and where tokens are taken, with TLS in any case, OAUTHBEARER and
// XOAUTH2. Without: none.
std::vector<std::string> mechanisms(const Channel& channel);

// One authentication exchange. Messages are decoded bytes (the protocol does base64 and its line limits).
class Exchange {
 public:
  struct Step {
    enum Kind { challenge, success, failure } kind = failure;
    std::string data;   // challenge to send, or last data with success (may be empty)
    Identity identity;  // on success
    // On failure; with a challenge: it has failed already, and the client is told more before it ends.
    Fault fault;
  };
  virtual ~Exchange() = default;
  // First call: the initial response, or nothing if the client sent none.
  virtual Task<Step> step(std::optional<std::string> message) = 0;
  // Who the client says it is, as far as is known.
  virtual std::string name() const = 0;
};

// The kind of the fault when a client binds to a channel in a way that is not known here, or not on this
// channel: no word about its name and password.
inline constexpr FaultKind kNoSuchBinding = FaultKind::not_found;

// Failures are logged (failed_login.h). Fails with `syntax` for an unknown mechanism, `policy` for one that
// is not allowed on this channel.
Result<std::unique_ptr<Exchange>> start(std::string_view mechanism, const Channel& channel,
                                        Authenticator& authenticator);

}  // namespace posthouse::wire::sasl
