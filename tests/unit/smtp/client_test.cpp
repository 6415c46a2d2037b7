// The client against servers that a test plays, kind and hostile.
#include "smtp/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_clock.h"
#include "support/manual_executor.h"
#include "support/memory_stream.h"
#include "unit/smtp/session_harness.h"

namespace posthouse::smtp::test {
namespace {

using posthouse::test::FakeClock;
using posthouse::test::ManualExecutor;
using posthouse::test::MemoryStream;
using testing::ElementsAre;

constexpr const char* kFullEhlo =
    "250-there\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 "
    "ENHANCEDSTATUSCODES\r\n";

Task<Result<std::string>> next_piece(std::shared_ptr<std::vector<std::string>> pieces) {
  if (pieces->empty()) co_return std::string();
  std::string piece = std::move(pieces->front());
  pieces->erase(pieces->begin());
  if (piece == "FAIL") co_return fail(FaultKind::corrupt, "bad chunk");
  co_return piece;
}

BodySource pieces_of(std::vector<std::string> pieces) {
  auto shared = std::make_shared<std::vector<std::string>>(std::move(pieces));
  return [shared] { return next_piece(shared); };
}

Task<void> store_opened(Client& client, std::optional<std::expected<void, Reply>>& out) {
  out = co_await client.open();
}
Task<void> store_sent(Client& client, Delivery delivery, BodySource body,
                      std::optional<DeliveryResult>& out) {
  out = co_await client.send(std::move(delivery), std::move(body));
}

class SmtpClient : public testing::Test {
 protected:
  ~SmtpClient() override { hang_up(); }
  // Ends what the client still waits for.
  void hang_up() {
    if (remote_) remote_->close();
    executor_.run();
  }
  void connect() {
    auto pair = MemoryStream::make_pair(&clock_);
    remote_ = std::move(pair.server);
    options_.hostname = "me.test";
    options_.server_name = "there.test";
    options_.clock = &clock_;
    if (not_loopback_) {
      const Endpoint far{*IpAddress::parse("192.0.2.1"), 25};
      pair.client->set_endpoints(far, far);
    }
    client_ = std::make_unique<Client>(std::move(pair.client), options_);
  }
  // What the client has said since the last time, after we said `bytes`.
  std::string say(std::string_view bytes) {
    remote_->push(bytes);
    executor_.run();
    return remote_->drain();
  }
  void begin_open() {
    if (!client_) connect();
    executor_.start(store_opened(*client_, opened_));
  }
  void open(std::string_view ehlo = kFullEhlo) {
    begin_open();
    EXPECT_EQ(say("220 there ESMTP\r\n"), options_.lmtp ? "LHLO me.test\r\n" : "EHLO me.test\r\n");
    EXPECT_EQ(say(ehlo), "");
    ASSERT_TRUE(opened_.has_value());
    ASSERT_TRUE(opened_->has_value()) << opened_->error().text;
  }
  // Starts a delivery; gives what the client says first.
  std::string begin_send(Delivery delivery, std::vector<std::string> body = {"hello\r\n"}) {
    result_.reset();
    executor_.start(store_sent(*client_, std::move(delivery), pieces_of(std::move(body)), result_));
    return say("");
  }
  std::vector<int> codes() const {
    std::vector<int> out;
    for (const Reply& reply : result_->replies) out.push_back(reply.code);
    return out;
  }
  Delivery to(std::vector<std::string> recipients) const {
    Delivery delivery;
    delivery.reverse_path = "a@me.test";
    delivery.recipients = std::move(recipients);
    return delivery;
  }

  FakeClock clock_;
  ManualExecutor executor_;
  ClientOptions options_;
  bool not_loopback_ = false;
  std::unique_ptr<MemoryStream> remote_;
  std::unique_ptr<Client> client_;
  std::optional<std::expected<void, Reply>> opened_;
  std::optional<DeliveryResult> result_;
};

TEST_F(SmtpClient, PipelinesTheEnvelopeInOneWrite) {
  open();
  Delivery delivery = to({"x@there.test", "y@there.test", "z@there.test"});
  delivery.size = 7;
  delivery.eight_bit = true;
  EXPECT_EQ(
      begin_send(delivery, {"he", "llo\r\n.dot\r\n"}),
      "MAIL FROM:<a@me.test> SIZE=7 BODY=8BITMIME\r\nRCPT TO:<x@there.test>\r\nRCPT TO:<y@there.test>\r\n"
      "RCPT TO:<z@there.test>\r\nDATA\r\n");
  EXPECT_EQ(say("250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n251 2.1.5 "
                "fine\r\n354 go\r\n"),
            "hello\r\n..dot\r\n.\r\n");
  EXPECT_EQ(say("250 2.0.0 Ok: queued as 77\r\n"), "");
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(codes(), ElementsAre(250, 550, 250));
  EXPECT_EQ(result_->replies[0].text, "Ok: queued as 77");
  EXPECT_EQ(result_->replies[1].status, "5.1.1");
  EXPECT_EQ(result_->replies[1].text, "no\nsuch user");
  EXPECT_TRUE(result_->connection_usable);
  EXPECT_EQ(client_->letters_sent(), 1u);
  EXPECT_THAT(begin_send(to({"x@there.test"})), testing::StartsWith("MAIL FROM:<a@me.test>\r\n"));
}

TEST_F(SmtpClient, OneByOneWithoutPipelining) {
  open("250 there\r\n");
  EXPECT_EQ(begin_send(to({"x@there.test", "y@there.test"})), "MAIL FROM:<a@me.test>\r\n");
  EXPECT_EQ(say("250 ok\r\n"), "RCPT TO:<x@there.test>\r\n");
  EXPECT_EQ(say("450 busy\r\n"), "RCPT TO:<y@there.test>\r\n");
  EXPECT_EQ(say("550 no\r\n"), "RSET\r\n");  // nobody left: no DATA
  EXPECT_EQ(say("250 ok\r\n"), "");
  EXPECT_THAT(codes(), ElementsAre(450, 550));
  EXPECT_TRUE(result_->connection_usable);
  EXPECT_EQ(client_->letters_sent(), 0u);
}

TEST_F(SmtpClient, FallsBackToHelo) {
  begin_open();
  EXPECT_EQ(say("220 old\r\n"), "EHLO me.test\r\n");
  EXPECT_EQ(say("502 what\r\n"), "HELO me.test\r\n");
  say("250 old\r\n");
  EXPECT_TRUE(opened_->has_value());
}

TEST_F(SmtpClient, RefusedAtTheDoor) {
  begin_open();
  say("554-no\r\n554 5.7.1 service\r\n");
  ASSERT_TRUE(opened_.has_value());
  ASSERT_FALSE(opened_->has_value());
  EXPECT_EQ(opened_->error().code, 554);
}

TEST_F(SmtpClient, NonsenseGreetingsAreNoAnswer) {
  for (const char* greeting : {"HTTP/1.1 400 Bad Request\r\n", "250 hello\r\n", "* OK IMAP\r\n", "\r\n"}) {
    hang_up();
    client_.reset();
    opened_.reset();
    begin_open();
    EXPECT_EQ(say(greeting), "");
    ASSERT_TRUE(opened_.has_value()) << greeting;
    EXPECT_EQ(opened_->error().code, 0) << greeting;
  }
}

TEST_F(SmtpClient, MailRefusedGoesToAll) {
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  say("550 5.7.1 not you\r\n503 5.5.1 x\r\n503 5.5.1 x\r\n503 5.5.1 x\r\n");
  ASSERT_TRUE(result_.has_value());
  EXPECT_THAT(codes(), ElementsAre(550, 550));
  EXPECT_EQ(result_->replies[1].status, "5.7.1");
  EXPECT_TRUE(result_->connection_usable);
}

// RFC 2920 section 3.1: 354 without a recipient is answered with the end mark alone.
TEST_F(SmtpClient, DataOpenWithoutRecipients) {
  open();
  begin_send(to({"x@there.test"}));
  EXPECT_EQ(say("250 ok\r\n550 5.1.1 no\r\n354 go\r\n"), ".\r\n");
  EXPECT_EQ(say("554 5.5.1 nobody\r\n"), "");
  EXPECT_THAT(codes(), ElementsAre(550));
  EXPECT_TRUE(result_->connection_usable);
}

TEST_F(SmtpClient, DataRefused) {
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  EXPECT_EQ(say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n451 4.3.0 later\r\n"), "RSET\r\n");
  say("250 ok\r\n");
  EXPECT_THAT(codes(), ElementsAre(451, 550));
  EXPECT_TRUE(result_->connection_usable);
}

TEST_F(SmtpClient, ConnectionLostAfterTheDotIsNoAnswer) {
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  EXPECT_EQ(say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n"), "hello\r\n.\r\n");
  remote_->close();
  executor_.run();
  EXPECT_THAT(codes(), ElementsAre(0, 550));
  EXPECT_FALSE(result_->connection_usable);
}

TEST_F(SmtpClient, ConnectionLostInTheEnvelope) {
  open();
  begin_send(to({"x@there.test", "y@there.test", "z@there.test"}));
  say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n");
  remote_->close();
  executor_.run();
  EXPECT_THAT(codes(), ElementsAre(0, 550, 0));
}

TEST_F(SmtpClient, ClosingDown) {
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  say("250 ok\r\n250 ok\r\n421 4.3.2 shutting down\r\n");
  EXPECT_THAT(codes(), ElementsAre(0, 421));
  EXPECT_FALSE(result_->connection_usable);
  EXPECT_EQ(begin_send(to({"x@there.test"})), "");
  EXPECT_THAT(codes(), ElementsAre(0));
}

TEST_F(SmtpClient, NoReplyInTime) {
  open();
  begin_send(to({"x@there.test"}));
  say("250-drip\r\n");
  clock_.advance(seconds(200));
  say("250-drip\r\n");
  EXPECT_FALSE(result_.has_value());
  clock_.advance(seconds(200));  // dripping does not prolong the reply
  executor_.run();
  EXPECT_THAT(codes(), ElementsAre(0));
  EXPECT_EQ(result_->replies[0].text, "no reply in time");
}

// "250" for a letter that was given up must not be taken for the next one's.
TEST_F(SmtpClient, LateRepliesAreNobodys) {
  open();
  begin_send(to({"x@there.test"}));
  EXPECT_EQ(say("250 ok\r\n250 ok\r\n354 go\r\n"), "hello\r\n.\r\n");
  clock_.advance(seconds(700));
  executor_.run();
  EXPECT_THAT(codes(), ElementsAre(0));
  EXPECT_FALSE(result_->connection_usable);
  say("250 taken after all\r\n");
  EXPECT_EQ(begin_send(to({"y@there.test"})), "");
  EXPECT_THAT(codes(), ElementsAre(0));
}

TEST_F(SmtpClient, UnendingRepliesAreCut) {
  open();
  begin_send(to({"x@there.test"}));
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "250-more\r\n";
  say(endless);
  EXPECT_THAT(codes(), ElementsAre(0));
  EXPECT_FALSE(result_->connection_usable);
  client_.reset();
  open();
  begin_send(to({"x@there.test"}));
  say("250 " + std::string(100000, 'x'));
  EXPECT_THAT(codes(), ElementsAre(0));
}

TEST_F(SmtpClient, RepliesOutOfTurnEndTheConnection) {
  open();
  begin_send(to({"x@there.test"}));
  say("250 ok\r\n250 ok\r\n354 go\r\n");
  say("250 ok\r\n250 one too many\r\n");
  EXPECT_THAT(codes(), ElementsAre(250));
  EXPECT_FALSE(result_->connection_usable);
  EXPECT_EQ(begin_send(to({"x@there.test"})), "");
  EXPECT_THAT(codes(), ElementsAre(0));
}

TEST_F(SmtpClient, StrangeButPositiveRepliesAreNoSuccess) {
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  EXPECT_EQ(say("250 ok\r\n354 what\r\n250 ok\r\n354 go\r\n"), "hello\r\n.\r\n");
  say("354 again\r\n");
  EXPECT_THAT(codes(), ElementsAre(0, 0));
}

TEST_F(SmtpClient, BrokenLetterIsNeverEnded) {
  open();
  begin_send(to({"x@there.test"}), {"half", "FAIL"});
  EXPECT_EQ(say("250 ok\r\n250 ok\r\n354 go\r\n"), "");
  EXPECT_THAT(codes(), ElementsAre(0));
  EXPECT_FALSE(result_->connection_usable);
}

TEST_F(SmtpClient, BigLettersGoInPieces) {
  open("250-there\r\n250 PIPELINING\r\n");
  std::vector<std::string> pieces(64, std::string(8190, 'x') + "\r\n");
  begin_send(to({"x@there.test"}), pieces);
  remote_->set_capacity(100000);  // the rest has to wait until we read
  EXPECT_LT(say("250 ok\r\n250 ok\r\n354 go\r\n").size(), 64u * 8192u);
  size_t rest = 0;
  for (int i = 0; i < 100; ++i) rest += say("").size();
  EXPECT_GT(rest, 0u);
  say("250 ok\r\n");
  EXPECT_THAT(codes(), ElementsAre(250));
}

// ---- what is refused here

TEST_F(SmtpClient, DowngradesAreRefusedHere) {
  open("250-there\r\n250 SIZE 100\r\n");
  Delivery eight = to({"x@there.test"});
  eight.eight_bit = true;
  EXPECT_EQ(begin_send(eight), "");
  EXPECT_EQ(result_->replies[0].status, "5.6.3");
  Delivery wide = to({"x@there.test"});
  wide.utf8 = true;
  EXPECT_EQ(begin_send(wide), "");
  EXPECT_EQ(result_->replies[0].status, "5.6.7");
  Delivery big = to({"x@there.test"});
  big.size = 101;
  EXPECT_EQ(begin_send(big), "");
  EXPECT_EQ(result_->replies[0].status, "5.3.4");
  EXPECT_TRUE(result_->connection_usable);
}

TEST_F(SmtpClient, WideAddressesOneByOne) {
  open("250-there\r\n250 PIPELINING\r\n");
  EXPECT_EQ(begin_send(to({"jürgen@there.test", "x@bücher.test", "y@there.test"})),
            "MAIL FROM:<a@me.test>\r\nRCPT TO:<x@xn--bcher-kva.test>\r\nRCPT TO:<y@there.test>\r\nDATA\r\n");
  say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n");
  EXPECT_THAT(codes(), ElementsAre(553, 250, 250));
  EXPECT_EQ(result_->replies[0].status, "5.6.7");
}

TEST_F(SmtpClient, Utf8WhereOffered) {
  open();
  EXPECT_EQ(begin_send(to({"jürgen@there.test"})),
            "MAIL FROM:<a@me.test> SMTPUTF8\r\nRCPT TO:<jürgen@there.test>\r\nDATA\r\n");
}

TEST_F(SmtpClient, AddressesCanNotCarryCommands) {
  open();
  EXPECT_EQ(begin_send(to({"x@there.test>\r\nRSET", "a b@there.test", "<x@there.test>", ""})), "");
  for (const Reply& reply : result_->replies) EXPECT_EQ(reply.status, "5.1.3");
}

TEST_F(SmtpClient, NullReversePath) {
  open();
  Delivery bounce = to({"x@there.test"});
  bounce.reverse_path.clear();
  EXPECT_THAT(begin_send(bounce), testing::StartsWith("MAIL FROM:<>\r\n"));
}

TEST_F(SmtpClient, ManyRecipientsGoInBatches) {
  open();
  std::vector<std::string> many;
  for (int i = 0; i < 250; ++i) many.push_back("r" + std::to_string(i) + "@there.test");
  std::string sent = begin_send(to(many));
  size_t seen = 0;
  for (int round = 0; round < 10 && !sent.empty() && !result_; ++round) {
    const auto lines = static_cast<size_t>(std::ranges::count(sent, '\n'));
    EXPECT_LE(lines, 100u);
    seen += lines;
    std::string replies;
    for (size_t i = 0; i < lines; ++i)
      replies += sent.ends_with("DATA\r\n") && i + 1 == lines ? "354 go\r\n" : "250 ok\r\n";
    sent = say(replies);
    if (sent == "hello\r\n.\r\n") sent = say("250 ok\r\n");
  }
  EXPECT_EQ(seen, 252u);
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(codes(), std::vector<int>(250, 250));
}

// ---- LMTP (RFC 2033)

TEST_F(SmtpClient, LmtpHasAReplyForEachRecipient) {
  options_.lmtp = true;
  open();
  begin_send(to({"x@there.test", "y@there.test", "z@there.test"}));
  EXPECT_EQ(say("250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n"), "hello\r\n.\r\n");
  say("250 2.0.0 in\r\n");
  EXPECT_FALSE(result_.has_value());
  say("452 4.2.2 full\r\n");
  EXPECT_THAT(codes(), ElementsAre(250, 550, 452));
}

TEST_F(SmtpClient, LmtpLostBetweenTheReplies) {
  options_.lmtp = true;
  open();
  begin_send(to({"x@there.test", "y@there.test"}));
  say("250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  say("250 2.0.0 in\r\n");
  remote_->close();
  executor_.run();
  EXPECT_THAT(codes(), ElementsAre(250, 0));
}

// ---- TLS

constexpr const char* kTlsEhlo = "250-there\r\n250-STARTTLS\r\n250-PIPELINING\r\n250 AUTH PLAIN LOGIN\r\n";

TEST_F(SmtpClient, StartsTlsAndForgetsWhatItHeard) {
  options_.tls = pretended_tls();
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say(kTlsEhlo), "STARTTLS\r\n");
  EXPECT_EQ(say("220 go\r\n"), "EHLO me.test\r\n");
  EXPECT_TRUE(client_->tls_active());
  say("250 there\r\n");
  ASSERT_TRUE(opened_->has_value());
  EXPECT_EQ(begin_send(to({"x@there.test"})), "MAIL FROM:<a@me.test>\r\n");  // no PIPELINING any more
}

TEST_F(SmtpClient, BytesBehindTheStartTlsReplyAreAnAttack) {
  options_.tls = pretended_tls();
  begin_open();
  say("220 there\r\n");
  say(kTlsEhlo);
  EXPECT_EQ(say("220 go\r\n250-injected\r\n250 AUTH PLAIN\r\n"), "");
  ASSERT_TRUE(opened_.has_value());
  EXPECT_EQ(opened_->error().code, 0);
  EXPECT_FALSE(client_->tls_active());
}

TEST_F(SmtpClient, RequiredTlsIsNotTalkedAway) {
  options_.tls = pretended_tls();
  options_.use_tls = ClientOptions::Tls::required;
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say("250 there\r\n"), "");
  EXPECT_EQ(opened_->error().code, 0);
  client_.reset();
  opened_.reset();
  begin_open();
  say("220 there\r\n");
  say(kTlsEhlo);
  EXPECT_EQ(say("454 4.7.0 not now\r\n"), "");
  EXPECT_EQ(opened_->error().code, 454);
}

TEST_F(SmtpClient, OpportunisticTlsGoesOnWithout) {
  options_.tls = pretended_tls();
  begin_open();
  say("220 there\r\n");
  say(kTlsEhlo);
  say("454 4.7.0 not now\r\n");
  EXPECT_TRUE(opened_->has_value());
  EXPECT_FALSE(client_->tls_active());
}

// ---- AUTH

TEST_F(SmtpClient, LogsInWithPlain) {
  options_.use_tls = ClientOptions::Tls::never;
  options_.user = "user";
  options_.password = Secret("pencil");
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say("250-there\r\n250 AUTH LOGIN PLAIN\r\n"), "AUTH PLAIN AHVzZXIAcGVuY2ls\r\n");
  say("235 2.7.0 ok\r\n");
  EXPECT_TRUE(opened_->has_value());
}

TEST_F(SmtpClient, LogsInWithLoginWhereThereIsNoPlain) {
  options_.use_tls = ClientOptions::Tls::never;
  options_.user = "user";
  options_.password = Secret("pencil");
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say("250-there\r\n250 AUTH LOGIN\r\n"), "AUTH LOGIN\r\n");
  EXPECT_EQ(say("334 VXNlcm5hbWU6\r\n"), "dXNlcg==\r\n");
  EXPECT_EQ(say("334 UGFzc3dvcmQ6\r\n"), "cGVuY2ls\r\n");
  say("535 5.7.8 no\r\n");
  EXPECT_EQ(opened_->error().code, 535);
}

TEST_F(SmtpClient, PasswordsStayHereWithoutTls) {
  not_loopback_ = true;
  options_.use_tls = ClientOptions::Tls::never;
  options_.user = "user";
  options_.password = Secret("pencil");
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say("250-there\r\n250 AUTH PLAIN LOGIN\r\n"), "");
  EXPECT_EQ(opened_->error().code, 0);
}

TEST_F(SmtpClient, PasswordsStayHereWhereTlsWasWantedAndNotHad) {
  options_.tls = pretended_tls();
  options_.user = "user";
  options_.password = Secret("pencil");
  begin_open();
  say("220 there\r\n");
  EXPECT_EQ(say("250-there\r\n250 AUTH PLAIN LOGIN\r\n"), "");
  EXPECT_EQ(opened_->error().status, "4.7.11");
}

TEST_F(SmtpClient, Quits) {
  open();
  executor_.start(client_->quit());
  EXPECT_EQ(say(""), "QUIT\r\n");
  say("221 bye\r\n");
  EXPECT_TRUE(remote_->peer_closed());
}

}  // namespace
}  // namespace posthouse::smtp::test
