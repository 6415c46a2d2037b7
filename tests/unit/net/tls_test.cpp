// TLS between two of our streams, and between ours and OpenSSL used by hand.
#include "net/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>

#include "net/tls_impl.h"
#include "unit/net/net_fixture.h"

namespace posthouse::net {
namespace {

using namespace testing_net;
using testing::ElementsAre;
using testing::HasSubstr;

using Context = std::shared_ptr<const TlsContext>;

ServerCertificate certificate(const std::vector<std::string>& names) {
  return make_self_signed(names).value();
}

Context server_context(const std::string& service,
                       const std::vector<std::string>& names = {"mail.example.org"}) {
  return TlsContext::server({certificate(names)}, service).value();
}

Context opportunistic() {
  return TlsContext::client(false, "").value();
}

struct Outcome {
  Result<void> client;
  TlsInfo client_info;
  Result<void> server;
  TlsInfo server_info;
};

// The server's part; `greeting` tells the client that it succeeded.
Task<void> note(Stream& stream, Context context, Outcome& outcome, bool& ready, std::string greeting) {
  outcome.server = co_await stream.start_tls_server(context);
  outcome.server_info = stream.tls();
  ready = true;
  if (outcome.server) {
    const Result<void> sent = co_await stream.write_all(greeting);
    EXPECT_TRUE(sent.has_value());
  }
}

Task<Outcome> shake_hands(Context server, Context client, std::string host) {
  TcpPair pair = co_await tcp_pair();
  Outcome outcome;
  bool ready = false;
  spawn(note(*pair.server, server, outcome, ready, "x"));
  outcome.client = co_await pair.client->start_tls_client(client, host);
  outcome.client_info = pair.client->tls();
  if (outcome.client) {
    const std::string word = co_await read_exactly(*pair.client, 1);
    EXPECT_EQ(word, "x");
  }
  pair.client->close();
  while (!ready) {
    const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
    EXPECT_TRUE(slept.has_value());
  }
  co_return outcome;
}

TEST(Tls, StandsAndTellsBothEndsTheSame) {
  const Outcome outcome =
      run_blocking(shake_hands(server_context("smtp"), opportunistic(), "Mail.Example.ORG."));
  ASSERT_TRUE(outcome.client.has_value()) << outcome.client.error().what;
  ASSERT_TRUE(outcome.server.has_value()) << outcome.server.error().what;
  EXPECT_TRUE(outcome.server_info.active);
  EXPECT_EQ(outcome.server_info.protocol, "TLSv1.3");
  EXPECT_THAT(outcome.server_info.cipher, HasSubstr("TLS_"));
  EXPECT_EQ(outcome.server_info.server_name, "mail.example.org");
  EXPECT_EQ(outcome.server_info.channel_binding_type, "tls-exporter");
  EXPECT_EQ(outcome.server_info.channel_binding.size(), 32u);
  EXPECT_EQ(outcome.server_info.channel_binding, outcome.client_info.channel_binding);
  EXPECT_EQ(outcome.server_info.server_end_point.size(), 32u);
  EXPECT_EQ(outcome.server_info.server_end_point, outcome.client_info.server_end_point);
  EXPECT_FALSE(outcome.server_info.peer_verified);
  EXPECT_FALSE(outcome.client_info.peer_verified);  // nobody we trust signed it
}

// A pair on which TLS stands at both ends.
Task<TcpPair> tls_pair(Context server, Context client) {
  TcpPair pair = co_await tcp_pair();
  Outcome outcome;
  bool ready = false;
  spawn(note(*pair.server, server, outcome, ready, "x"));
  const Result<void> stands = co_await pair.client->start_tls_client(client, "");
  EXPECT_TRUE(stands.has_value());
  const std::string word = co_await read_exactly(*pair.client, 1);
  EXPECT_EQ(word, "x");
  EXPECT_TRUE(ready);
  co_return pair;
}

class TrustFile {
 public:
  explicit TrustFile(const std::string& pem) {
    char name[] = "/tmp/posthouse-ca-XXXXXX";
    ::close(mkstemp(name));
    path_ = name;
    std::ofstream(path_) << pem;
  }
  ~TrustFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Tls, ClientVerifiesChainAndNameIfAsked) {
  const ServerCertificate ours = certificate({"mail.example.org", "127.0.0.1"});
  const Context server = TlsContext::server({ours}, "smtp").value();
  const TrustFile trusted(ours.chain_pem);
  const Context strict = TlsContext::client(true, trusted.path()).value();

  const Outcome good = run_blocking(shake_hands(server, strict, "mail.example.org"));
  ASSERT_TRUE(good.client.has_value()) << good.client.error().what;
  EXPECT_TRUE(good.client_info.peer_verified);
  EXPECT_TRUE(run_blocking(shake_hands(server, strict, "127.0.0.1")).client.has_value());

  const Outcome wrong_name = run_blocking(shake_hands(server, strict, "mail.example.com"));
  ASSERT_FALSE(wrong_name.client.has_value());
  EXPECT_THAT(wrong_name.client.error().what, HasSubstr("ostname mismatch"));
  EXPECT_FALSE(wrong_name.server.has_value());

  const Outcome stranger = run_blocking(shake_hands(server_context("smtp"), strict, "mail.example.org"));
  EXPECT_FALSE(stranger.client.has_value());
  EXPECT_TRUE(
      run_blocking(shake_hands(server_context("smtp"), opportunistic(), "other.example")).client.has_value());
}

Task<void> send_all(Stream& stream, std::string bytes) {
  const Result<void> sent = co_await stream.write_all(bytes);
  EXPECT_TRUE(sent.has_value());
  stream.close();
}

Task<void> transfer(Context server, Context client) {
  std::string bytes(3 << 20, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 131 >> 5);
  TcpPair pair = co_await tls_pair(server, client);
  spawn(send_all(*pair.client, bytes));
  const Result<void> readable = co_await pair.server->wait_readable();
  EXPECT_TRUE(readable.has_value());
  const std::string got = co_await read_to_end(*pair.server);
  EXPECT_TRUE(got == bytes);
  char byte = 0;
  const Result<size_t> end = co_await pair.server->read_some({&byte, 1});
  EXPECT_TRUE(end.has_value() && *end == 0);  // the end was announced by close_notify
}

TEST(Tls, CarriesManyRecordsAndAnOrderlyEnd) {
  run_blocking(transfer(server_context("imap"), opportunistic()));
}

Task<void> wait_and_note(Stream& stream, const bool& sent, bool& woke) {
  const Result<void> readable = co_await stream.wait_readable();
  EXPECT_TRUE(readable.has_value());
  EXPECT_TRUE(sent);  // the session ticket that came before does not count
  woke = true;
}

Task<void> ticket_then_data(Context server, Context client) {
  TcpPair pair = co_await tcp_pair();
  Outcome outcome;
  bool ready = false;
  spawn(note(*pair.server, server, outcome, ready, ""));
  const Result<void> stands = co_await pair.client->start_tls_client(client, "");
  EXPECT_TRUE(stands.has_value());
  while (!ready) {
    const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
    EXPECT_TRUE(slept.has_value());
  }
  bool sent = false;
  bool woke = false;
  spawn(wait_and_note(*pair.client, sent, woke));
  const Result<void> ping = co_await pair.client->write_all("p");
  EXPECT_TRUE(ping.has_value());
  const std::string got = co_await read_exactly(*pair.server, 1);
  EXPECT_EQ(got, "p");
  for (int i = 0; i < 10; ++i) {
    const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
    EXPECT_TRUE(slept.has_value() && !woke);
  }
  sent = true;
  const Result<void> pong = co_await pair.server->write_all("q");
  EXPECT_TRUE(pong.has_value());
  while (!woke) {
    const Result<void> slept = co_await this_loop().sleep(milliseconds(1));
    if (!slept) break;
  }
  const std::string answer = co_await read_exactly(*pair.client, 1);
  EXPECT_EQ(answer, "q");
}

TEST(Tls, OnlyDataMakesItReadable) {
  run_blocking(ticket_then_data(server_context("imap"), opportunistic()));
}

Task<Result<void>> handshake_with_silence(Context server) {
  TcpPair pair = co_await tcp_pair();
  pair.server->set_deadline(system_clock().steady() + milliseconds(100));
  Result<void> stands = co_await pair.server->start_tls_server(server);
  co_return stands;
}

TEST(Tls, HandshakeEndsAtTheDeadline) {
  const Result<void> stands = run_blocking(handshake_with_silence(server_context("smtp")));
  ASSERT_FALSE(stands.has_value());
  EXPECT_EQ(stands.error().kind, FaultKind::timeout);
}

Task<Result<void>> handshake_with_garbage(Context server) {
  TcpPair pair = co_await tcp_pair();
  const Result<void> sent = co_await pair.client->write_all("EHLO in.the.clear\r\n");
  EXPECT_TRUE(sent.has_value());
  Result<void> stands = co_await pair.server->start_tls_server(server);
  EXPECT_FALSE(pair.server->tls().active);
  const Result<void> after = co_await pair.server->write_all("x");
  EXPECT_FALSE(after.has_value());
  co_return stands;
}

TEST(Tls, GarbageEndsTheConnection) {
  const Result<void> stands = run_blocking(handshake_with_garbage(server_context("smtp")));
  ASSERT_FALSE(stands.has_value());
  EXPECT_EQ(stands.error().kind, FaultKind::closed);
}

// --- OpenSSL by hand on the other side ---

struct Seen {
  Result<void> stands;
  TlsInfo info;
};

Task<void> serve(std::unique_ptr<Stream> stream, Context context, std::function<void(Seen)> report) {
  stream->set_deadline(in_seconds(20));
  Seen seen;
  seen.stands = co_await stream->start_tls_server(context);
  seen.info = stream->tls();
  const bool stands = seen.stands.has_value();
  report(std::move(seen));
  if (!stands) co_return;
  const Result<void> sent = co_await stream->write_all("x");
  const std::string rest = co_await read_to_end(*stream);
  static_cast<void>(sent);
}

class TlsServer {
 public:
  explicit TlsServer(Context context)
      : socket_(ListenSocket::bind_tcp(kLoopback, false).value()),
        acceptor_(
            std::make_unique<Acceptor>(on_.loop(), socket_, [this, context](std::unique_ptr<Stream> stream) {
              spawn(serve(std::move(stream), context, [this](Seen seen) { add(std::move(seen)); }));
            })) {}
  ~TlsServer() {
    std::promise<void> gone;
    on_.loop().post([&] {
      acceptor_.reset();
      gone.set_value();
    });
    gone.get_future().wait();
  }
  const Endpoint& at() const { return socket_.local(); }
  Seen next() {
    std::unique_lock lock(mutex_);
    arrived_.wait_for(lock, seconds(20), [this] { return !seen_.empty(); });
    Seen seen = seen_.at(0);
    seen_.erase(seen_.begin());
    return seen;
  }

 private:
  void add(Seen seen) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::move(seen));
    arrived_.notify_one();
  }
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<Seen> seen_;
  ListenSocket socket_;
  LoopThread on_;
  std::unique_ptr<Acceptor> acceptor_;
};

using SessionPtr = std::unique_ptr<SSL_SESSION, Freer<SSL_SESSION_free>>;

struct HandClient {
  explicit HandClient(const Endpoint& to) : raw(to), context(SSL_CTX_new(TLS_client_method())) {
    ssl.reset(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), raw.fd());
  }
  ~HandClient() {
    if (SSL_is_init_finished(ssl.get())) SSL_shutdown(ssl.get());  // else OpenSSL gives up the session
  }
  bool connect() {
    if (SSL_connect(ssl.get()) != 1) return false;
    char byte = 0;
    return SSL_read(ssl.get(), &byte, 1) == 1 && byte == 'x';  // the tickets came before it
  }
  std::vector<std::string> peer_names() const { return names_of(*SSL_get0_peer_certificate(ssl.get())); }
  void offer(std::string_view alpn) {
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn.data()),
                        static_cast<unsigned>(alpn.size()));
  }
  std::string chosen() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl.get(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }

  RawClient raw;
  SslContextPtr context;
  SslPtr ssl;
};

std::vector<std::string> names_for(const TlsServer& server, const char* sni) {
  HandClient client(server.at());
  if (sni != nullptr) SSL_set_tlsext_host_name(client.ssl.get(), sni);
  return client.connect() ? client.peer_names() : std::vector<std::string>{"no connection"};
}

TEST(Tls, ChoosesTheCertificateBySni) {
  const Context context =
      TlsContext::server({certificate({"mail.example.org"}), certificate({"*.example.net", "example.net"})},
                         "imap")
          .value();
  const TlsServer server(context);
  const auto first = ElementsAre("mail.example.org");
  const auto second = ElementsAre("*.example.net", "example.net");
  EXPECT_THAT(names_for(server, nullptr), first);
  EXPECT_THAT(names_for(server, "mail.example.org"), first);
  EXPECT_THAT(names_for(server, "unknown.example"), first);
  EXPECT_THAT(names_for(server, "example.net"), second);
  EXPECT_THAT(names_for(server, "IMAP.Example.NET."), second);
  EXPECT_THAT(names_for(server, "a.b.example.net"), first);  // a wildcard stands for one label
}

TEST(Tls, BindsTicketsToTheirService) {
  const TlsServer imap(server_context("imap"));
  const TlsServer smtp(server_context("smtp"));
  SessionPtr ticket;
  {
    HandClient client(imap.at());
    ASSERT_TRUE(client.connect());
    ticket.reset(SSL_get1_session(client.ssl.get()));
    ASSERT_TRUE(SSL_SESSION_is_resumable(ticket.get()));
  }
  const auto resumed = [&](const TlsServer& server) {
    HandClient client(server.at());
    SSL_set_session(client.ssl.get(), ticket.get());
    return client.connect() && SSL_session_reused(client.ssl.get()) == 1;
  };
  EXPECT_FALSE(resumed(smtp));
  EXPECT_TRUE(resumed(imap));
}

TEST(Tls, RefusesAClientThatWantsAnotherProtocol) {
  const TlsServer imap(server_context("imap"));
  HandClient right(imap.at());
  right.offer("\x08http/1.1\x04imap");
  EXPECT_TRUE(right.connect());
  EXPECT_EQ(right.chosen(), "imap");
  HandClient wrong(imap.at());
  wrong.offer("\x08http/1.1");
  EXPECT_FALSE(wrong.connect());

  const TlsServer smtp(server_context("smtp"));
  HandClient browser(smtp.at());
  browser.offer("\x02h2\x08http/1.1");
  EXPECT_FALSE(browser.connect());
}

TEST(Tls, SpeaksTls12WithItsBindingAndNothingOlder) {
  TlsServer server(server_context("imap"));
  HandClient client(server.at());
  SSL_set_max_proto_version(client.ssl.get(), TLS1_2_VERSION);
  ASSERT_TRUE(client.connect());
  const Seen seen = server.next();
  EXPECT_EQ(seen.info.protocol, "TLSv1.2");
  EXPECT_EQ(seen.info.channel_binding_type, "tls-unique");
  char finished[64];
  const size_t size = SSL_get_finished(client.ssl.get(), finished, sizeof finished);
  EXPECT_EQ(seen.info.channel_binding, std::string(finished, size));

  HandClient old(server.at());
  SSL_set_security_level(old.ssl.get(), 0);
  SSL_set_min_proto_version(old.ssl.get(), TLS1_VERSION);
  SSL_set_max_proto_version(old.ssl.get(), TLS1_1_VERSION);
  EXPECT_FALSE(old.connect());
  EXPECT_FALSE(server.next().stands.has_value());
}

// --- certificates ---

TEST(Certificate, SelfSignedHasItsNamesAndTenYears) {
  const ServerCertificate ours = certificate({"mail.example.org", "::1", "localhost"});
  const auto facts = certificate_facts(ours.chain_pem);
  ASSERT_TRUE(facts.has_value());
  EXPECT_THAT(facts->names, ElementsAre("mail.example.org", "::1", "localhost"));
  EXPECT_NEAR(static_cast<double>(facts->not_after - std::time(nullptr)), 3650.0 * 86400, 3600);
}

TEST(Certificate, RefusesWhatWillNotWork) {
  EXPECT_FALSE(make_self_signed({}).has_value());
  EXPECT_FALSE(make_self_signed({"a,DNS:b"}).has_value());
  EXPECT_FALSE(
      certificate_facts("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").has_value());
  EXPECT_FALSE(certificate_facts("").has_value());
  const ServerCertificate a = certificate({"a.example"});
  const ServerCertificate b = certificate({"b.example"});
  EXPECT_FALSE(TlsContext::server({}, "smtp").has_value());
  const auto crossed = TlsContext::server({ServerCertificate{a.chain_pem, b.key_pem}}, "smtp");
  ASSERT_FALSE(crossed.has_value());
  EXPECT_THAT(crossed.error().what, HasSubstr("do not go together"));
  EXPECT_FALSE(TlsContext::server({ServerCertificate{a.chain_pem, "nothing"}}, "smtp").has_value());
  EXPECT_FALSE(TlsContext::client(true, "/nonexistent/ca.pem").has_value());
}

}  // namespace
}  // namespace posthouse::net
