// The command lines of SMTP: what is understood, what is refused and how.
#include "wire/smtp/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {
namespace {

template <class T>
T must_be(std::string_view line) {
  const auto parsed = parse_command(line);
  if (!parsed) throw std::runtime_error("refused: " + std::string(parsed.error().text));
  return std::get<T>(*parsed);
}

struct Refusal {
  std::string line;
  int code;
  std::string status;
};

class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, HasItsReply) {
  const auto parsed = parse_command(GetParam().line);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, GetParam().code) << parsed.error().text;
  EXPECT_EQ(parsed.error().status, GetParam().status) << parsed.error().text;
}

const Refusal kRefusals[] = {
    {"", 500, "5.5.2"},
    {"\r\n", 500, "5.5.2"},
    {"NOOP\n", 500, "5.5.2"},  // bare LF
    {"NOOP\r", 500, "5.5.2"},
    {"NOOP", 500, "5.5.2"},
    {"NO\rOP\r\n", 500, "5.5.2"},
    {"NO\nOP\r\n", 500, "5.5.2"},
    {"NOOP\r\r\n", 500, "5.5.2"},
    {std::string("NOOP\0\r\n", 7), 500, "5.5.2"},
    {" NOOP\r\n", 500, "5.5.2"},
    {"FROB\r\n", 500, "5.5.2"},
    {"MAILFROM:<a@b>\r\n", 500, "5.5.2"},
    {"HELO\r\n", 501, "5.5.4"},
    {"EHLO \r\n", 501, "5.5.4"},
    {"EHLO two words\r\n", 501, "5.5.4"},
    {"EHLO (comment)\r\n", 501, "5.5.4"},
    {"EHLO a;b\r\n", 501, "5.5.4"},
    {"EHLO " + std::string(256, 'a') + "\r\n", 501, "5.5.4"},
    {"MAIL\r\n", 501, "5.5.4"},
    {"MAIL FROM\r\n", 501, "5.5.4"},
    {"MAIL TO:<a@b>\r\n", 501, "5.5.4"},
    {"MAIL FROM:\r\n", 501, "5.1.7"},
    {"MAIL FROM:a@b\r\n", 501, "5.1.7"},
    {"MAIL FROM:<a@b\r\n", 501, "5.1.7"},
    {"MAIL FROM:<a<b>\r\n", 501, "5.1.7"},
    {"MAIL FROM:<\"a>\r\n", 501, "5.1.7"},
    {"MAIL FROM:<\"a\\\r\n", 501, "5.1.7"},
    {"MAIL FROM:<" + std::string(1100, 'a') + ">\r\n", 501, "5.1.7"},
    {"MAIL FROM:<a@b>SIZE=1\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> SIZE\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> SIZE=\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> SIZE=-1\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> SIZE=111111111111111111111\r\n", 501, "5.5.4"},  // 21 digits
    {"MAIL FROM:<a@b> SIZE=1 SIZE=1\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> BODY\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> BODY=BINARYMIME\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> BODY=7BIT BODY=7BIT\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> SMTPUTF8=1\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> AUTH\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> AUTH=a+4\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> AUTH=a+zz\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> AUTH=a+0D+0ARCPT@b\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> AUTH=a+00@b\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> =1\r\n", 501, "5.5.4"},
    {"MAIL FROM:<a@b> RET=HDRS\r\n", 555, "5.5.4"},
    {"MAIL FROM:<a@b> ENVID=x\r\n", 555, "5.5.4"},
    {"MAIL FROM:<a@b> XFOO\r\n", 555, "5.5.4"},
    {"RCPT TO:<>\r\n", 501, "5.1.3"},
    {"RCPT TO:a@b\r\n", 501, "5.1.3"},
    {"RCPT FROM:<a@b>\r\n", 501, "5.5.4"},
    {"RCPT TO:<a@b> NOTIFY=NEVER\r\n", 555, "5.5.4"},
    {"RCPT TO:<a@b> ORCPT=rfc822;a+0A@b\r\n", 555, "5.5.4"},
    {"RCPT TO:<a@b> ORCPT=rfc822;a+00@b\r\n", 555, "5.5.4"},
    {"RCPT TO:<a@b> ORCPT=rfc822;a+\r\n", 555, "5.5.4"},
    {"DATA now\r\n", 501, "5.5.4"},
    {"RSET x\r\n", 501, "5.5.4"},
    {"QUIT x\r\n", 501, "5.5.4"},
    {"STARTTLS x\r\n", 501, "5.5.4"},
    {"VRFY\r\n", 501, "5.5.4"},
    {"ETRN\r\n", 501, "5.5.4"},
    {"ETRN a b\r\n", 501, "5.5.4"},
    {"EXPN list\r\n", 502, "5.5.1"},
    {"BDAT 10\r\n", 502, "5.5.1"},
    {"TURN\r\n", 502, "5.5.1"},
    {"AUTH\r\n", 501, "5.5.4"},
    {"AUTH PLA.IN\r\n", 501, "5.5.4"},
    {"AUTH ABCDEFGHIJKLMNOPQRSTU\r\n", 501, "5.5.4"},
    {"AUTH PLAIN a b\r\n", 501, "5.5.4"},
    {"NOOP " + std::string(2048, 'x') + "\r\n", 500, "5.5.2"},
    {"AUTH PLAIN " + std::string(12288, 'x') + "\r\n", 500, "5.5.2"},
};

INSTANTIATE_TEST_SUITE_P(SmtpCommand, Refused, testing::ValuesIn(kRefusals));

TEST(SmtpCommand, WebRequestsEndTheConnection) {
  for (const char* line : {"GET / HTTP/1.1\r\n", "POST /x HTTP/1.0\r\n", "CONNECT mail:25 HTTP/1.1\r\n"}) {
    const auto parsed = parse_command(line);
    ASSERT_FALSE(parsed.has_value());
    EXPECT_TRUE(parsed.error().hang_up);
  }
  EXPECT_FALSE(parse_command("FROB\r\n").error().hang_up);
}

TEST(SmtpCommand, VerbsInAnyCaseAndTrailingBlanks) {
  EXPECT_NO_THROW(must_be<Noop>("noop\r\n"));
  EXPECT_NO_THROW(must_be<Noop>("NoOp whatever follows\r\n"));
  EXPECT_NO_THROW(must_be<Quit>("QUIT  \r\n"));
  EXPECT_NO_THROW(must_be<Data>("data\t\r\n"));
  EXPECT_NO_THROW(must_be<Rset>("RSET\r\n"));
  EXPECT_NO_THROW(must_be<StartTls>("starttls\r\n"));
  EXPECT_EQ(must_be<Help>("HELP\r\n").topic, "");
  EXPECT_EQ(must_be<Help>("HELP mail\r\n").topic, "mail");
}

TEST(SmtpCommand, Hello) {
  EXPECT_EQ(must_be<Hello>("HELO host.example\r\n").kind, Hello::helo);
  EXPECT_EQ(must_be<Hello>("LHLO host.example\r\n").kind, Hello::lhlo);
  const Hello hello = must_be<Hello>("ehlo [IPv6:2001:db8::1]\r\n");
  EXPECT_EQ(hello.kind, Hello::ehlo);
  EXPECT_EQ(hello.domain, "[IPv6:2001:db8::1]");
}

TEST(SmtpCommand, MailPaths) {
  EXPECT_EQ(must_be<Mail>("MAIL FROM:<>\r\n").path, "");
  EXPECT_EQ(must_be<Mail>("mail from:<a@b.example>\r\n").path, "a@b.example");
  EXPECT_EQ(must_be<Mail>("MAIL FROM: <a@b>\r\n").path, "a@b");
  EXPECT_EQ(must_be<Mail>("MAIL FROM:<\"a> b\\\"<\"@c> SIZE=3\r\n").path, "\"a> b\\\"<\"@c");
  EXPECT_EQ(must_be<Mail>("MAIL FROM:<@x,@y:a@b>\r\n").path, "@x,@y:a@b");
  EXPECT_EQ(must_be<Rcpt>("RCPT TO:<Postmaster>\r\n").path, "Postmaster");
}

TEST(SmtpCommand, MailParameters) {
  const MailParameters none = must_be<Mail>("MAIL FROM:<a@b>\r\n").parameters;
  EXPECT_FALSE(none.size);
  EXPECT_FALSE(none.eight_bit);
  EXPECT_FALSE(none.utf8);
  const MailParameters all =
      must_be<Mail>("MAIL FROM:<a@b>  size=0012 body=8bitmime SMTPUTF8 AUTH=e+3Dmc2@example.com\r\n")
          .parameters;
  EXPECT_EQ(all.size, 12u);
  EXPECT_TRUE(all.eight_bit);
  EXPECT_TRUE(all.utf8);
  EXPECT_FALSE(must_be<Mail>("MAIL FROM:<a@b> BODY=7BIT AUTH=<>\r\n").parameters.eight_bit);
  EXPECT_EQ(must_be<Mail>("MAIL FROM:<a@b> SIZE=99999999999999999999\r\n").parameters.size, UINT64_MAX);
}

TEST(SmtpCommand, VrfyDropsTheUtf8Parameter) {
  EXPECT_EQ(must_be<Vrfy>("VRFY joe SMTPUTF8\r\n").argument, "joe");
  EXPECT_EQ(must_be<Vrfy>("VRFY Joe Public\r\n").argument, "Joe Public");
  EXPECT_EQ(must_be<Vrfy>("VRFY SMTPUTF8\r\n").argument, "SMTPUTF8");
  EXPECT_EQ(must_be<Etrn>("ETRN @example.com\r\n").argument, "@example.com");
}

TEST(SmtpCommand, Auth) {
  const Auth without = must_be<Auth>("AUTH LOGIN\r\n");
  EXPECT_EQ(without.mechanism, "LOGIN");
  EXPECT_FALSE(without.initial);
  EXPECT_EQ(must_be<Auth>("auth plain AGEAYg==\r\n").initial, "AGEAYg==");
  EXPECT_EQ(must_be<Auth>("AUTH PLAIN =\r\n").initial, "");
  const std::string long_line = "AUTH PLAIN " + std::string(8000, 'A') + "\r\n";
  EXPECT_EQ(must_be<Auth>(long_line).initial->size(), 8000u);
}

// Whatever the bytes, no path or name that comes out holds what could end a line.
RC_GTEST_PROP(SmtpCommandProperty, NoLineEndsInside, (const std::vector<uint8_t>& bytes)) {
  static const char* const kStarts[] = {"MAIL FROM:<", "RCPT TO:<", "EHLO ", "VRFY ", "AUTH PLAIN "};
  for (const char* start : kStarts) {
    const std::string line = start + std::string(bytes.begin(), bytes.end()) + ">\r\n";
    const auto parsed = parse_command(line);
    if (!parsed) {
      RC_ASSERT(parsed.error().code >= 500);
      continue;
    }
    RC_ASSERT(line.find_first_of(std::string_view("\r\n\0", 3)) == line.size() - 2);
  }
}

}  // namespace
}  // namespace posthouse::wire::smtp
