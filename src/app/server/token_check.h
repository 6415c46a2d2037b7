// Whose an OAuth 2.0 token is, as the authorization server says (token introspection, RFC 7662).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "app/config/config.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/task.h"
#include "directory/lru_map.h"
#include "net/http_client.h"
#include "wire/sasl/server.h"

namespace posthouse::app {

// What the answer of an introspection must have.
struct TokenWishes {
  std::string username_claim, issuer, audience;
  std::string scope;  // words that must all be there, blanks between them
};

struct TokenFacts {
  std::string user;
  SystemTime until{};  // the end of the token; the end of time if the answer does not say
};

// Reads a response of RFC 7662 section 2.2. Any octets may come: faults are policy (not active, over, for
// somebody else, without the claim), permanent (its scope is not enough), temporary (no such response).
Result<TokenFacts> read_introspection(std::string_view json, const TokenWishes& wishes, SystemTime now);

// Thread-safe; asks on the caller's loop and never blocks it. What it was made with outlives it.
class TokenCheck {
 public:
  // Nothing where the configuration has no [oauth]. Fails when the client's secret or the authorities can't
  // be read.
  static Result<std::unique_ptr<TokenCheck>> make(const Config& config, net::Resolver& resolver,
                                                  const Clock& clock);

  const wire::sasl::TokenOffer& offer() const { return offer_; }

  // Who the token is for. A good answer holds for oauth.cache, at most until the token's end. Faults as
  // read_introspection(); temporary also when there is no answer in time, or too many are waited for.
  Task<Result<std::string>> user_of(Secret token);

 private:
  TokenCheck(const Config& config, net::Resolver& resolver, const Clock& clock);
  Task<Result<net::HttpAnswer>> ask(const Secret& token);
  std::optional<std::string> remembered(const std::string& digest);
  void remember(const std::string& digest, const TokenFacts& facts);

  struct Known {
    std::string user;
    SteadyTime until;
  };

  net::Resolver& resolver_;
  const Clock& clock_;
  net::HttpUrl url_;
  std::string client_id_;
  Secret client_secret_;
  std::shared_ptr<const net::TlsContext> tls_;
  TokenWishes wishes_;
  wire::sasl::TokenOffer offer_;
  seconds timeout_, cache_;
  std::atomic<size_t> asking_{0};
  std::mutex mutex_;                             // guards known_
  directory::LruMap<std::string, Known> known_;  // SHA-256 of the token
};

}  // namespace posthouse::app
