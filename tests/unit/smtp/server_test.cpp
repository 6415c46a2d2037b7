// What scripts can't say: counts of writes, big letters, smuggling in all its forms, logins with SCRAM.
#include "smtp/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "smtp/limits.h"
#include "unit/smtp/counting_stream.h"
#include "unit/smtp/session_harness.h"

namespace posthouse::smtp::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class SmtpServer : public testing::Test, protected SessionHarness {
 protected:
  void begin_letter(size_t chunk = 0) {
    begin(chunk);
    EXPECT_THAT(say("HELO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"),
                HasSubstr("\r\n354 "));
  }
};

TEST_F(SmtpServer, OneWriteForABatch) {
  auto pair = posthouse::test::MemoryStream::make_pair(&clock);
  client = std::move(pair.client);
  size_t writes = 0;
  executor.start(serve(std::make_unique<CountingStream>(std::move(pair.server), writes), options, service,
                       nullptr, "s"));
  executor.run();
  EXPECT_EQ(writes, 1u);  // the greeting
  say("HELO c\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<r1@example.test>\r\nRCPT TO:<r2@example.test>\r\nDATA\r\n");
  EXPECT_EQ(writes, 2u);
  say("x\r\n.\r\nMAIL FROM:<a@b.test>\r\nRSET\r\nQUIT\r\n");
  EXPECT_EQ(writes, 3u);
  EXPECT_TRUE(closed());
}

TEST_F(SmtpServer, RepliesToManyCommandsAreBounded) {
  begin();
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "NOOP\r\n";
  const std::string replies = say(many);
  EXPECT_EQ(std::ranges::count(replies, '\n'), 2001);
}

TEST_F(SmtpServer, TellsTheServiceOnceThatItIsOver) {
  begin();
  say("QUIT\r\n");
  EXPECT_TRUE(closed());
  EXPECT_EQ(service.connects, 1);
  EXPECT_EQ(service.disconnects, 1);
  service.connect_reply = {421, "4.7.0", "busy"};
  begin();
  EXPECT_EQ(heard(), "421 4.7.0 busy\r\n");
  EXPECT_EQ(service.disconnects, 1);  // was not let in
}

// Somebody who opens connections and never ends a handshake must not be outside the counts.
TEST_F(SmtpServer, AConnectionIsCountedBeforeItsHandshake) {
  options->implicit_tls = true;
  options->tls = pretended_tls();
  begin();
  EXPECT_THAT(heard(), StartsWith("220 "));
  EXPECT_EQ(service.connects, 1);
  EXPECT_FALSE(service.tls_at_connect);
  say("QUIT\r\n");
  EXPECT_TRUE(closed());
  EXPECT_EQ(service.disconnects, 1);
  service.connect_reply = {421, "4.7.0", "busy"};
  begin();
  EXPECT_EQ(heard(), "421 4.7.0 busy\r\n");
  EXPECT_TRUE(closed());
}

// RFC 5321 section 4.5.3.1.10: the client sends the letter to the others again, which it can't if the session
// ends over them.
TEST_F(SmtpServer, TooManyRecipientsAreNoReasonToHangUp) {
  options->max_recipients = 2;
  begin();
  std::string batch = "EHLO c\r\nMAIL FROM:<a@b.test>\r\n";
  for (int i = 0; i < 1000; ++i) batch += fmt::format("RCPT TO:<r{}@example.test>\r\n", i);
  const std::string replies = say(batch + "DATA\r\n");
  EXPECT_THAT(replies, HasSubstr("452 4.5.3"));
  EXPECT_THAT(replies, EndsWith("354 End data with <CR><LF>.<CR><LF>\r\n"));
  EXPECT_THAT(say(".\r\n"), StartsWith("250 2.0.0"));
  ASSERT_EQ(service.letters.size(), 1u);
  EXPECT_EQ(service.letters[0].envelope.recipients.size(), 2u);
}

// Full mailboxes are no guessed names.
TEST_F(SmtpServer, RecipientsRefusedForNowAreNoReasonToHangUp) {
  begin();
  std::string batch = "EHLO c\r\nMAIL FROM:<a@b.test>\r\n";
  for (int i = 0; i < 300; ++i) batch += "RCPT TO:<full@example.test>\r\n";
  EXPECT_THAT(say(batch + "NOOP\r\n"), EndsWith("452 4.2.2 Mailbox full\r\n250 2.0.0 Ok\r\n"));
}

TEST_F(SmtpServer, HelpNamesWhatThereIs) {
  using testing::Not;
  begin();
  EXPECT_THAT(say("HELP\r\n"),
              testing::AllOf(HasSubstr("EHLO"), Not(HasSubstr("AUTH")), Not(HasSubstr("STARTTLS"))));
  options->lmtp = true;
  options->tls = pretended_tls();
  begin();
  EXPECT_THAT(say("HELP\r\n"),
              testing::AllOf(HasSubstr(" LHLO "), Not(HasSubstr("EHLO")), HasSubstr("STARTTLS")));
  options->lmtp = false;
  options->submission = true;
  begin();
  EXPECT_THAT(say("HELP\r\n"), HasSubstr("AUTH"));
}

TEST_F(SmtpServer, TheSinkGetsBigPieces) {
  begin_letter();
  std::string body;
  for (int i = 0; i < 2000; ++i)
    body += "a line of text, number " + std::to_string(i) + "\r\n..and a dot\r\n";
  EXPECT_THAT(say(body + ".\r\n"), StartsWith("250 2.0.0"));
  ASSERT_EQ(service.letters.size(), 1u);
  EXPECT_LE(service.largest_piece, kDataPiece);
  EXPECT_LE(service.writes, body.size() / 4096);
  std::string expected = body;
  for (size_t at = 0; (at = expected.find("\r\n..", at)) != std::string::npos; at += 3)
    expected.erase(at + 2, 1);
  EXPECT_EQ(service.letters[0].body, expected);
}

// Rows of fake end marks (CVE-2023-51764, -51765, -51766): the whole is one letter or none, never the inner
// one, and a refusal closes the connection.
TEST_F(SmtpServer, NoLetterIsSmuggled) {
  using namespace std::string_literals;
  const std::string fakes[] = {"\n.\n"s,       "\n.\r\n"s,   "\r\n.\n"s,     "\r.\r"s,
                               "\r.\r\n"s,     "\r\n.\r"s,   "\n.\r"s,       "\r.\n"s,
                               "\r\n.\r\r\n"s, "\r\r\n.\n"s, "\r\n\0.\r\n"s, "\r\n.\0\r\n"s};
  const std::string inner =
      "MAIL FROM:<evil@b.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: inner\r\n\r\nevil\r\n.\r\n";
  for (const std::string& fake : fakes) {
    for (size_t chunk : {0, 1, 3}) {
      SCOPED_TRACE(testing::PrintToString(fake) + " in pieces of " + std::to_string(chunk));
      service.letters.clear();
      begin_letter(chunk);
      const std::string replies = say("Subject: outer\r\n\r\nouter" + fake + inner + "QUIT\r\n");
      const bool nul = fake.find('\0') != std::string::npos;
      EXPECT_EQ(service.letters.size(), nul ? 1u : 0u);
      EXPECT_THAT(replies, StartsWith(nul ? "250 2.0.0" : "554 5.6.0"));
      EXPECT_TRUE(closed());
      EXPECT_EQ(std::ranges::count(replies, '\n'), nul ? 2 : 1);
    }
  }
}

TEST_F(SmtpServer, AClientWithBareLineEndsIsToldSoon) {
  begin_letter();
  EXPECT_EQ(say("Subject: x\n\nbody\n.\n"), "");
  clock.advance(kDefectPatience + seconds(1));
  EXPECT_THAT(heard(), StartsWith("554 5.6.0 Error: bare LF"));
  EXPECT_TRUE(closed());
}

TEST_F(SmtpServer, ARefusedLetterIsNotReadForEver) {
  options->max_size = 1000;
  begin_letter();
  const std::string block(1 << 20, 'x');
  std::string replies;
  for (int i = 0; i < 20 && replies.empty(); ++i) replies = say(block);
  EXPECT_THAT(replies, StartsWith("552 5.3.4"));
  EXPECT_TRUE(closed());
  EXPECT_TRUE(service.letters.empty());
}

TEST_F(SmtpServer, LinesOfAMegabyteAndMore) {
  begin_letter();
  EXPECT_THAT(say(std::string(1 << 20, 'x') + "\r\n.\r\n"), StartsWith("250 2.0.0"));
  begin_letter();
  EXPECT_THAT(say(std::string((1 << 20) + 1, 'x') + "\r\n.\r\n"), StartsWith("554 5.6.0"));
  EXPECT_FALSE(closed());
}

TEST_F(SmtpServer, CancelledBeforeItBegins) {
  auto pair = posthouse::test::MemoryStream::make_pair(&clock);
  client = std::move(pair.client);
  pair.server->cancel();
  executor.start(serve(std::move(pair.server), options, service, nullptr, "s"));
  EXPECT_THAT(heard(), HasSubstr("421 4.3.2"));
  EXPECT_TRUE(closed());
}

TEST_F(SmtpServer, WritesThatFailEndTheSession) {
  begin();
  server->fail_writes();
  say("NOOP\r\n");
  EXPECT_TRUE(closed());
}

// AUTH SCRAM-SHA-256 with GNU SASL's client: the server's last message comes as a challenge (RFC 4954 section
// 4).
TEST_F(SmtpServer, ScramLogin) {
  options->submission = true;
  options->allow_plain_auth = true;
  begin();
  say("EHLO c\r\n");
  Gsasl* context = nullptr;
  Gsasl_session* session = nullptr;
  ASSERT_EQ(gsasl_init(&context), GSASL_OK);
  ASSERT_EQ(gsasl_client_start(context, "SCRAM-SHA-256", &session), GSASL_OK);
  gsasl_property_set(session, GSASL_AUTHID, "user");
  gsasl_property_set(session, GSASL_PASSWORD, "pencil");
  const auto step = [&](const std::string& challenge) {
    char* out = nullptr;
    gsasl_step64(session, challenge.c_str(), &out);
    const std::string answer = out != nullptr ? out : "";
    gsasl_free(out);
    return answer;
  };
  const auto challenge_of = [](const std::string& reply) {
    EXPECT_THAT(reply, StartsWith("334 "));
    return reply.substr(4, reply.size() - 6);
  };
  const std::string first = challenge_of(say("AUTH SCRAM-SHA-256 " + step("") + "\r\n"));
  const std::string last = challenge_of(say(step(first) + "\r\n"));
  EXPECT_EQ(step(last), "");
  EXPECT_EQ(say("\r\n"), "235 2.7.0 Authentication successful\r\n");
  EXPECT_EQ(authenticator.successes, 1);
  gsasl_finish(session);
  gsasl_done(context);
}

TEST_F(SmtpServer, WithWords) {
  SessionFacts facts;
  EXPECT_EQ(facts.with(false), "SMTP");
  facts.extended = true;
  EXPECT_EQ(facts.with(false), "ESMTP");
  EXPECT_EQ(facts.with(true), "UTF8SMTP");
  facts.tls = true;
  EXPECT_EQ(facts.with(false), "ESMTPS");
  facts.account = 1;
  EXPECT_EQ(facts.with(false), "ESMTPSA");
  EXPECT_EQ(facts.with(true), "UTF8SMTPSA");
  facts.lmtp = true;
  EXPECT_EQ(facts.with(true), "UTF8LMTPSA");
}

}  // namespace
}  // namespace posthouse::smtp::test
