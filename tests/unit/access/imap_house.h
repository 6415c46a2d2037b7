// A whole IMAP server in memory, or with its mail in files: engine, store, accounts, clients that a test
// speaks for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/engines.h"
#include "access/imap/recall.h"
#include "access/imap/session.h"
#include "engine/memory_engine.h"
#include "house_parts.h"
#include "mirror/mirror.h"
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
  // `threads`: others than the test's own work for the server, and what it says has to be waited for.
  Client(ManualExecutor& executor, MemoryStream::Pair pair, bool threads = false)
      : Talker(executor, std::move(pair)), threads_(threads) {}

  // Sends, and gives all that the server said.
  std::string ask(std::string_view octets);
  // The next line; false if none comes.
  bool take_line(std::string& line);
  bool closed() const { return stream_->peer_closed(); }

 private:
  bool threads_;
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
  // `kept_expunges`: as the store's. `format`: of all accounts.
  explicit House(uint32_t kept_expunges = store::kKeptExpunges,
                 store::Format format = store::Format::database);
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
  std::optional<engine::TempDir> files;  // where the mail is, if it is in files
  std::optional<mirror::Mirror> mirror;
  search::Index* index = nullptr;  // that sessions get which connect from now on
  Recall recall{8 << 20};
  bool remembers = true;  // sessions that connect from now on know what was asked before
  Accounts accounts;
  Neighbours neighbours;
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  std::shared_ptr<SessionRegistry> registry = make_session_registry();
  int open_sessions = 0;

 private:
  Task<void> run_session(std::unique_ptr<net::Stream> stream);
};

// Where an account of `format` keeps its mail below `directory`.
store::FilePlace place_of(store::AccountId account, store::Format format, const std::string& directory);

}  // namespace posthouse::access::imap::test
