// Mail hosts that exist only in memory, behind a Connector: each does what its script says and remembers what
// it got.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "support/fake_clock.h"
#include "transport/connector.h"

namespace posthouse::transport::testing {

struct Received {
  std::string from;  // as in MAIL FROM:<...> and its parameters
  std::vector<std::string> to;
  std::string body;  // as on the wire, dot-stuffed, without the last dot
  bool tls = false;
  std::string login;  // argument of AUTH
};

struct HostScript {
  bool unreachable = false;  // no connection
  std::string greeting = "220 fake ESMTP";
  std::vector<std::string> offers = {"PIPELINING", "8BITMIME", "SIZE 50000000"};
  bool starttls = false;  // offered
  std::string starttls_reply = "220 go ahead";
  std::string ehlo_reply;  // instead of the offers
  std::string auth_reply = "235 2.7.0 welcome";
  bool tls_broken = false;  // the handshake fails
  std::string mail_reply = "250 ok";
  std::map<std::string, std::string> rcpt_replies;  // by address; else 250
  size_t most_recipients = 1000;                    // then 452
  std::string data_reply = "354 go on";
  std::string end_reply = "250 taken";
  bool silent_at_end = false;          // never answers the final dot
  size_t letters_a_connection = 1000;  // then the connection is closed without a word
  size_t most_connections = 1000;      // at a time; then 421
};

// Thread-safe; connect() is called on the loop, where the hosts live too.
class FakeNet : public Connector {
 public:
  explicit FakeNet(test::FakeClock& clock) : clock_(clock) {}

  void set_host(const std::string& ip, HostScript script);
  std::vector<Received> received(const std::string& ip);
  size_t connections(const std::string& ip);  // tried so far
  size_t most_at_once(const std::string& ip);
  size_t logins(const std::string& ip);  // AUTH commands
  // Letters whose end was reached by a silent host.
  size_t silent_ends(const std::string& ip);
  // Called after each event, on the loop.
  void on_event(std::function<void()> call) { event_ = std::move(call); }

  Task<Result<std::unique_ptr<net::Stream>>> connect(Endpoint to, SteadyTime deadline) override;

 private:
  struct State {
    HostScript script;
    std::vector<Received> received;
    size_t connections = 0;
    size_t open = 0;
    size_t most_open = 0;
    size_t silent_ends = 0;
    size_t logins = 0;
  };
  struct Session;
  static Task<void> serve(FakeNet* self, std::string ip, std::unique_ptr<net::Stream> stream);
  Task<void> talk(Session& session);
  Task<bool> answer(Session& session, std::string line);
  Task<bool> take_body(Session& session);
  void event();

  test::FakeClock& clock_;
  std::mutex mutex_;
  std::map<std::string, State> hosts_;
  std::function<void()> event_;
};

}  // namespace posthouse::transport::testing
