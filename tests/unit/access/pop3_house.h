// A whole POP3 server on a store in memory or on files: accounts, clients that a test speaks for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../engine/engines.h"
#include "access/pop3/session.h"
#include "house_parts.h"
#include "mirror/mirror.h"
#include "support/engine_with_faults.h"
#include "support/fake_clock.h"
#include "support/seeded_random.h"

namespace posthouse::access::pop3::test {

using posthouse::test::FakeClock;
using posthouse::test::ManualExecutor;
using posthouse::test::MemoryStream;

using access::test::Accounts;

class Client : public access::test::Talker {
 public:
  using Talker::Talker;

  // Sends, and waits for one line.
  std::string ask(std::string_view command);
  // Waits for it; false if none comes before the end.
  bool take_line(std::string& line);
  // Waits until the server has said `end` and nothing behind it; takes it all.
  std::string take_until(std::string_view end);
  // Waits for it.
  bool closed();
};

class House {
 public:
  explicit House(store::Format format = store::Format::database);
  ~House();

  // A connection, greeting still to be read. `chunk`: the server gets so many octets at a time (0: all).
  std::unique_ptr<Client> connect(size_t chunk = 0, bool tls = false);
  // Connected and logged in, nothing to be read.
  std::unique_ptr<Client> login(const std::string& user, size_t chunk = 0);
  // Puts a letter into INBOX as delivery would.
  store::Placed deliver(store::AccountId account, const std::string& letter);
  // As an IMAP session would, whatever flags it has. `number`: its place in INBOX now.
  void expunge(store::AccountId account, uint32_t number);
  std::vector<store::Entry> inbox(store::AccountId account);
  bool wait_until(const std::function<bool()>& done) { return executor.run_until(done); }

  engine::TempDir dir;
  FakeClock clock;
  posthouse::test::SeededRandom random;
  ManualExecutor executor;
  std::unique_ptr<engine::Engine> engine = engine::make_memory_engine();
  IdSource ids{clock, random};
  posthouse::test::EngineWithFaults faults{*engine};
  store::MailStore store;
  mirror::Mirror mirror;
  Accounts accounts;
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  std::shared_ptr<Maildrops> maildrops = make_maildrops();
  int open_sessions = 0;

 private:
  Task<void> run_session(std::unique_ptr<net::Stream> stream);
};

}  // namespace posthouse::access::pop3::test
