// The client side of SMTP: one connection that carries letters to a host, used by transport/ and by tests.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/stream.h"
#include "net/tls.h"
#include "smtp/server.h"

namespace posthouse::smtp {

struct ClientOptions {
  std::string hostname;     // what we say in EHLO
  std::string server_name;  // the host we mean, for SNI
  enum class Tls { never, opportunistic, required, implicit } use_tls = Tls::opportunistic;
  std::shared_ptr<const net::TlsContext> tls;
  std::string user;  // smarthost AUTH: PLAIN or LOGIN, under TLS; with Tls::never to a loopback address only
  Secret password;
  bool lmtp = false;
  seconds greeting_timeout{300}, command_timeout{300}, data_timeout{600};  // RFC 5321 section 4.5.3.2
  const Clock* clock = &system_clock();                                    // deadlines count on it
};

// Gives the letter's bytes (CRLF lines, not dot-stuffed) in pieces; empty at the end.
using BodySource = std::function<Task<Result<std::string>>()>;

struct Delivery {
  std::string reverse_path;
  std::vector<std::string> recipients;
  bool eight_bit = false, utf8 = false;
  uint64_t size = 0;
};

// What became of each recipient, same order. code 0: no answer was had (connection lost, time-out): try
// again.
struct DeliveryResult {
  std::vector<Reply> replies;
  bool connection_usable = false;  // another letter may follow on it
};

// One at a time on its loop. Replies are parsed with limits; a hostile server ends only this connection.
class Client {
 public:
  Client(std::unique_ptr<net::Stream> stream, ClientOptions options);
  ~Client();

  // Greeting, EHLO (HELO), STARTTLS, AUTH. The reply that refused, or code 0 with the reason.
  Task<std::expected<void, Reply>> open();
  // Uses PIPELINING, SIZE, 8BITMIME, SMTPUTF8 where offered; refuses here (5.6.3, 5.6.7, 5.3.4) what the
  // server could not take. Resets (RSET) on failure so that the connection stays usable.
  Task<DeliveryResult> send(Delivery delivery, BodySource body);
  Task<void> quit();

  bool tls_active() const;
  uint32_t letters_sent() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::smtp
