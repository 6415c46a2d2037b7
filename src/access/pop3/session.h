// The POP3 access agent: one session over a Stream (RFC 1939).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "net/stream.h"
#include "net/tls.h"
#include "store/mail_store.h"
#include "wire/sasl/server.h"

namespace posthouse::access::pop3 {

struct ServerOptions {
  std::string hostname;
  bool implicit_tls = false;
  bool allow_plain_login = false;  // USER and PASS without TLS: demo on loopback only
  std::shared_ptr<const net::TlsContext> tls;
  seconds login_timeout{60};      // until authenticated
  seconds idle_timeout{10 * 60};  // RFC 1939 section 3: at least 10 minutes
  uint32_t max_bad_commands = 20;
};

// Who has which maildrop: one session each. One per program, thread-safe.
class Maildrops;
std::shared_ptr<Maildrops> make_maildrops();
// Ends the session that the account has now: for an account that was disabled or has a new password, or (with
// `app_password`, only if it came by it) one that was taken back. From any thread; it ends soon after,
// without removing anything.
void end_session(Maildrops& maildrops, uint64_t account, std::optional<uint32_t> app_password = std::nullopt);

// What a session works with. All of it outlives the session.
struct Services {
  store::MailStore& store;
  const Clock& clock;
  wire::sasl::Authenticator& authenticator;
};

// Serves one connection from greeting to end. Cancelling the stream ends the session (shutdown).
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 Services services, std::shared_ptr<Maildrops> maildrops, std::string session_id);

}  // namespace posthouse::access::pop3
