// What the servers of the access agents have in common in tests: accounts, and a client that a test speaks
// for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "store/mail_store.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/memory_stream.h"
#include "wire/sasl/server.h"

namespace posthouse::access::test {

using posthouse::test::ManualExecutor;
using posthouse::test::MemoryStream;

// alice is account 1, bob account 2, and where a house has it carol, of another domain, account 3;
// everybody's password is "demo", or " de mo ".
class Accounts : public wire::sasl::Authenticator {
 public:
  Task<Result<wire::sasl::Identity>> verify_password(std::string name, Secret password, IpAddress peer,
                                                     std::string protocol) override;
  Task<Result<wire::sasl::ScramCredential>> scram_credential(std::string name, IpAddress peer,
                                                             std::string protocol) override;
  Task<bool> report(std::string, IpAddress, std::optional<wire::sasl::Identity>) override { co_return true; }
  Task<bool> still_stands(wire::sasl::Identity) override { co_return stands; }
  bool stands = true;
  bool broken = false;  // as if the directory could not be read
};

// One client of one session.
class Talker {
 public:
  Talker(ManualExecutor& executor, MemoryStream::Pair pair)
      : executor_(executor), stream_(std::move(pair.client)) {}

  // Sends exactly these octets and lets everything run.
  void send(std::string_view octets);
  // Waits until the server has done what it was told, also what other threads do for it, and wants to hear
  // more, or has closed. (One that tells of news meanwhile, as in IDLE, may still be at it.)
  void settle();
  // All that the server has said and nobody has taken.
  std::string& pending();
  std::string take() { return std::exchange(pending(), std::string()); }
  // The next line without its line end; false if there is none.
  bool take_line(std::string& line);
  MemoryStream& stream() { return *stream_; }

 protected:
  ManualExecutor& executor_;
  std::unique_ptr<MemoryStream> stream_;

 private:
  std::string pending_;
};

// The ends of a connection. `chunk`: the server gets so many octets at a time (0: all).
MemoryStream::Pair make_connection(posthouse::test::FakeClock& clock, size_t chunk, bool tls);
// Puts a message into a mailbox as delivery would.
store::Placed deliver(ManualExecutor& executor, engine::Engine& engine, IdSource& ids,
                      store::MailStore& store, store::AccountId account, std::string mailbox,
                      const std::string& message, store::FlagSet flags, SystemTime date);

}  // namespace posthouse::access::test
