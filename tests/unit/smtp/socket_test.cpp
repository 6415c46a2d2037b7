// Client and server over real sockets and real TLS on loopback.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/loop.h"
#include "net/socket.h"
#include "smtp/client.h"
#include "unit/smtp/test_service.h"

namespace posthouse::smtp::test {
namespace {

SteadyTime soon() {
  return system_clock().steady() + seconds(20);
}

// A listening server for as long as it lives; use on a loop.
class Listening {
 public:
  Listening(TestService& service, TestAuthenticator& authenticator)
      : service_(service),
        authenticator_(authenticator),
        socket_(bind()),
        acceptor_(net::this_loop(), socket_, [this](auto s) { accept(std::move(s)); }) {
    options->hostname = "mx.example.test";
  }
  Endpoint at() const { return socket_.local(); }

  std::shared_ptr<ServerOptions> options = std::make_shared<ServerOptions>();
  net::Stream* last = nullptr;

 private:
  static net::ListenSocket bind() {
    const Endpoint any{IpAddress::from_v4(0x7f000001), 0};
    return std::move(*net::ListenSocket::bind_tcp(any, false));
  }
  void accept(std::unique_ptr<net::Stream> stream) {
    last = stream.get();
    spawn(serve(std::move(stream), options, service_, &authenticator_, "sid"));
  }

  TestService& service_;
  TestAuthenticator& authenticator_;
  net::ListenSocket socket_;
  net::Acceptor acceptor_;
};

Task<Result<std::string>> take_once(std::shared_ptr<std::string> text) {
  co_return std::exchange(*text, std::string());
}

struct Outcome {
  std::optional<Reply> refusal;
  bool tls = false;
  DeliveryResult result;
};

Task<Outcome> submit(TestService& service, TestAuthenticator& authenticator, bool implicit) {
  Listening server(service, authenticator);
  const Result<net::ServerCertificate> certificate = net::make_self_signed({"mx.example.test"});
  server.options->tls = *net::TlsContext::server({*certificate}, "smtp");
  server.options->implicit_tls = implicit;
  server.options->submission = true;
  ClientOptions options;
  options.hostname = "client.test";
  options.server_name = "mx.example.test";
  options.use_tls = implicit ? ClientOptions::Tls::implicit : ClientOptions::Tls::required;
  options.tls = *net::TlsContext::client(false, "");
  options.user = "user";
  options.password = Secret("pencil");
  Result<std::unique_ptr<net::Stream>> stream = co_await net::connect_tcp(server.at(), soon());
  Client client(std::move(*stream), options);
  Outcome outcome;
  std::expected<void, Reply> opened = co_await client.open();
  outcome.tls = client.tls_active();
  if (!opened) {
    outcome.refusal = opened.error();
    co_return outcome;
  }
  Delivery delivery;
  delivery.reverse_path = "user@example.test";
  delivery.recipients = {"bob@example.test", "unknown@example.test"};
  auto text = std::make_shared<std::string>("Subject: x\r\n\r\n.dot\r\n");
  BodySource body = [text] { return take_once(text); };
  outcome.result = co_await client.send(std::move(delivery), std::move(body));
  co_await client.quit();
  co_return outcome;
}

class SmtpSocket : public testing::TestWithParam<bool> {};

TEST_P(SmtpSocket, ALetterOverTls) {
  TestService service;
  TestAuthenticator authenticator;
  const Outcome outcome = net::run_blocking(submit(service, authenticator, GetParam()));
  ASSERT_FALSE(outcome.refusal) << outcome.refusal->text;
  EXPECT_TRUE(outcome.tls);
  ASSERT_EQ(outcome.result.replies.size(), 2u);
  EXPECT_EQ(outcome.result.replies[0].code, 250);
  EXPECT_EQ(outcome.result.replies[1].code, 550);
  ASSERT_EQ(service.letters.size(), 1u);
  EXPECT_EQ(service.letters[0].body, "Subject: x\r\n\r\n.dot\r\n");
  EXPECT_EQ(service.letters[0].with, "ESMTPSA");
}

INSTANTIATE_TEST_SUITE_P(ImplicitOrNot, SmtpSocket, testing::Bool());

Task<std::string> read_all(net::Stream& stream) {
  std::string all;
  char buffer[512];
  while (true) {
    const Result<size_t> got = co_await stream.read_some(buffer);
    if (!got || *got == 0) co_return all;
    all.append(buffer, *got);
  }
}

Task<std::string> talk_and_shut_down(TestService& service, TestAuthenticator& authenticator) {
  Listening server(service, authenticator);
  Result<std::unique_ptr<net::Stream>> stream = co_await net::connect_tcp(server.at(), soon());
  (*stream)->set_deadline(soon());
  char greeting[100];
  const Result<size_t> got = co_await (*stream)->read_some(greeting);
  if (!got) co_return "no greeting";
  server.last->cancel();
  std::string rest = co_await read_all(**stream);
  co_return rest;
}

// RFC 5321 section 3.8.
TEST(SmtpSocketShutdown, SaysWhyItEnds) {
  TestService service;
  TestAuthenticator authenticator;
  EXPECT_THAT(net::run_blocking(talk_and_shut_down(service, authenticator)),
              testing::StartsWith("421 4.3.2 "));
  EXPECT_EQ(service.disconnects, 1);
}

Task<std::string> inject(TestService& service, TestAuthenticator& authenticator) {
  Listening server(service, authenticator);
  const Result<net::ServerCertificate> certificate = net::make_self_signed({"mx.example.test"});
  server.options->tls = *net::TlsContext::server({*certificate}, "smtp");
  Result<std::unique_ptr<net::Stream>> stream = co_await net::connect_tcp(server.at(), soon());
  (*stream)->set_deadline(soon());
  const Result<void> sent = co_await (*stream)->write_all("EHLO c\r\nSTARTTLS\r\nNOOP\r\n");
  if (!sent) co_return "not sent";
  std::string all = co_await read_all(**stream);
  co_return all;
}

TEST(SmtpSocketStartTls, InjectedCommandsAreNeverAnswered) {
  TestService service;
  TestAuthenticator authenticator;
  const std::string heard = net::run_blocking(inject(service, authenticator));
  EXPECT_THAT(heard, testing::Not(testing::HasSubstr("250 2.0.0")));
  EXPECT_THAT(heard, testing::Not(testing::HasSubstr("220 2.0.0")));
}

}  // namespace
}  // namespace posthouse::smtp::test
