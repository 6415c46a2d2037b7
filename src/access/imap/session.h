// The IMAP access agent: one session over a Stream (RFC 3501, RFC 9051).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "access/quotas.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/task.h"
#include "engine/engine.h"
#include "net/stream.h"
#include "net/tls.h"
#include "search/index.h"
#include "store/mail_store.h"
#include "wire/sasl/server.h"

namespace posthouse::access::imap {

class Recall;

struct ServerOptions {
  std::string hostname;
  bool implicit_tls = false;
  bool allow_plain_login = false;  // LOGIN without TLS: demo on loopback only; else LOGINDISABLED
  std::shared_ptr<const net::TlsContext> tls;
  uint64_t append_limit = 50ull << 20;
  uint64_t default_quota_bytes = 0;  // 0: none
  seconds login_timeout{60};         // until authenticated
  seconds idle_timeout{30 * 60};     // RFC 9051 section 5.4: at least 30 minutes
  uint32_t max_sessions_per_account = 128;
  uint32_t max_bad_commands = 20;
  // RFC 9738: how many messages one command may process, or COPY and APPEND alone; 0: any number. Only one of
  // the two.
  uint32_t message_limit = 0;
  uint32_t save_limit = 0;
  uint64_t default_domain_bytes = 0;  // of all accounts of a domain together; 0: no limit
  bool tell_domain_quota = true;      // to each of these accounts, where there is a limit
};

// What sessions of all listeners share: which each account has. One per program, thread-safe.
class SessionRegistry;
std::shared_ptr<SessionRegistry> make_session_registry();
// Ends the sessions that the account has now, also those in IDLE, with BYE: for an account that was disabled
// or has a new password, or (with `app_password`, only those that came by it) one that was taken back. From
// any thread; they end soon after.
void end_sessions(SessionRegistry& registry, uint64_t account,
                  std::optional<uint32_t> app_password = std::nullopt);

// Who has accounts here, for those who share mailboxes. Thread-safe.
class People {
 public:
  struct Person {
    uint64_t account = 0;
    std::string address;
    bool shared = false;  // nobody's own: its mailboxes are in the shared namespace
  };
  virtual ~People() = default;
  virtual Task<Result<Person>> person(uint64_t account) = 0;        // not_found
  virtual Task<Result<Person>> person_at(std::string address) = 0;  // not_found
};

// What a session works with. All of it outlives the session.
struct Services {
  engine::Engine& engine;  // for the bytes of appended messages
  store::MailStore& store;
  IdSource& ids;  // the program's one source
  const Clock& clock;
  wire::sasl::Authenticator& authenticator;
  search::Index* index = nullptr;  // of the store's letters; nothing: SEARCH looks at each of them
  Quotas* quotas = nullptr;        // nothing: the limits of ServerOptions hold for all
  People* people = nullptr;        // nothing: no mailboxes of others
  Recall* recall = nullptr;        // nothing: what was asked before is worked out anew
};

// Serves one connection from greeting to BYE. Cancelling the stream ends the session with "* BYE" (shutdown).
Task<void> serve(std::unique_ptr<net::Stream> stream, std::shared_ptr<const ServerOptions> options,
                 Services services, std::shared_ptr<SessionRegistry> registry, std::string session_id);

}  // namespace posthouse::access::imap
