// A whole IMAP server in memory: engine, store, accounts, clients that a test speaks for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/session.h"
#include "engine/memory_engine.h"
#include "house_parts.h"
#include "support/engine_with_faults.h"
#include "support/fake_clock.h"
#include "support/seeded_random.h"

namespace posthouse::access::imap::test {

using posthouse::test::FakeClock;
using posthouse::test::ManualExecutor;
using posthouse::test::MemoryStream;
using posthouse::test::SeededRandom;

using access::test::Accounts;

class Client : public access::test::Talker {
 public:
  using Talker::Talker;

  // Sends, and gives all that the server said.
  std::string ask(std::string_view octets);
  bool closed() const { return stream_->peer_closed(); }
};

// The same, for who shares mailboxes; account 4 is shared.
class Neighbours : public People {
 public:
  Task<Result<Person>> person(uint64_t account) override;
  Task<Result<Person>> person_at(std::string address) override;
  std::vector<Person> all{{1, "alice@example.test", false},
                          {2, "bob@example.test", false},
                          {3, "carol@else.test", false},
                          {4, "info@example.test", true}};
};

class House {
 public:
  // `kept_expunges`: as the store's.
  explicit House(uint32_t kept_expunges = store::kKeptExpunges);
  ~House();

  // A connection, greeting still to be read. `chunk`: the server gets so many octets at a time (0: all).
  std::unique_ptr<Client> connect(size_t chunk = 0, bool tls = false);
  // Connected and logged in, nothing to be read.
  std::unique_ptr<Client> login(const std::string& user, size_t chunk = 0);
  // Puts a message into a mailbox as delivery would.
  store::Placed deliver(store::AccountId account, const std::string& mailbox, const std::string& message,
                        store::FlagSet flags = {}, SystemTime date = FakeClock::kStart);
  void run() { executor.run(); }

  FakeClock clock;
  SeededRandom random;
  ManualExecutor executor;
  std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  IdSource ids{clock, random};
  posthouse::test::EngineWithFaults faults{*engine};  // what the store works on
  store::MailStore store;
  search::Index* index = nullptr;  // that sessions get which connect from now on
  Accounts accounts;
  Neighbours neighbours;
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  std::shared_ptr<SessionRegistry> registry = make_session_registry();
};

}  // namespace posthouse::access::imap::test
