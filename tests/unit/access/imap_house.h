// A whole IMAP server in memory: engine, store, accounts, clients that a test speaks for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/session.h"
#include "engine/memory_engine.h"
#include "support/engine_with_faults.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/memory_stream.h"
#include "support/seeded_random.h"

namespace posthouse::access::imap::test {

using posthouse::test::FakeClock;
using posthouse::test::ManualExecutor;
using posthouse::test::MemoryStream;
using posthouse::test::SeededRandom;

// alice is account 1, bob account 2; everybody's password is "demo".
class Accounts : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                     std::string protocol) override;
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string name, IpAddress peer) override;
  bool report(std::string, IpAddress, bool) override { return true; }
  bool broken = false;  // as if the directory could not be read
};

// One client and its session.
class Client {
 public:
  Client(ManualExecutor& executor, MemoryStream::Pair pair)
      : executor_(executor), stream_(std::move(pair.client)) {}

  // Sends exactly these octets and lets everything run.
  void send(std::string_view octets);
  // The same, then all that the server said.
  std::string ask(std::string_view octets);
  // All that the server has said and nobody has taken.
  std::string take();
  // The next line without its line end; false if there is none.
  bool take_line(std::string& line);
  std::string& pending();
  MemoryStream& stream() { return *stream_; }
  bool closed() const { return stream_->peer_closed(); }

 private:
  ManualExecutor& executor_;
  std::unique_ptr<MemoryStream> stream_;
  std::string pending_;
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
  Accounts accounts;
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  std::shared_ptr<SessionRegistry> registry = make_session_registry();
};

}  // namespace posthouse::access::imap::test
