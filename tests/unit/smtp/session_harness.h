// A server session on one end of a pair in memory, with the other end in the test's hand.
#pragma once

#include <memory>
#include <string>

#include "base/log.h"
#include "smtp/server.h"
#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/memory_stream.h"
#include "unit/smtp/test_service.h"

namespace posthouse::smtp::test {

// Not a context that could encrypt: the streams in memory don't look at it, the session only asks if there is
// one.
inline std::shared_ptr<const net::TlsContext> pretended_tls() {
  static const char somewhere = 0;
  return {std::shared_ptr<void>(), reinterpret_cast<const net::TlsContext*>(&somewhere)};
}

class SessionHarness {
 public:
  SessionHarness() {
    log::configure(log::Level::error, "", "text");
    options->hostname = "mx.example.test";
    options->clock = &clock;
  }
  ~SessionHarness() {
    if (client) client->close();
    executor.run();
  }

  // `chunk`: bytes the server reads at once, 0 for all there are.
  void begin(size_t chunk = 0) {
    auto pair = posthouse::test::MemoryStream::make_pair(&clock);
    client = std::move(pair.client);
    server = pair.server.get();
    server->set_chunk(chunk);
    executor.start(serve(std::move(pair.server), options, service, &authenticator, "sid1"));
    executor.run();
  }
  // Sends, lets the server work, and gives what it said.
  std::string say(std::string_view bytes) {
    client->push(bytes);
    executor.run();
    return client->drain();
  }
  std::string heard() {
    executor.run();
    return client->drain();
  }
  bool closed() {
    executor.run();
    return client->peer_closed();
  }

  posthouse::test::FakeClock clock;
  posthouse::test::ManualExecutor executor;
  TestService service;
  TestAuthenticator authenticator;
  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  std::unique_ptr<posthouse::test::MemoryStream> client;
  posthouse::test::MemoryStream* server = nullptr;  // while the session lives
};

}  // namespace posthouse::smtp::test
