// Replies, written and read, and what servers say they can do.
#include "wire/smtp/reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "wire/smtp/capabilities.h"
#include "wire/smtp/limits.h"

namespace posthouse::wire::smtp {
namespace {

std::string format(int code, std::string_view status, std::string_view text) {
  std::string out;
  format_reply(out, code, status, text);
  return out;
}

// Feeds whole lines; the reply, or the fault.
Result<ReceivedReply> parse(std::string_view wire) {
  ReplyParser parser;
  while (!wire.empty()) {
    const size_t end = wire.find('\n') + 1;
    auto out = parser.add_line(wire.substr(0, end));
    if (!out) return std::unexpected(out.error());
    if (*out) return std::move(**out);
    wire.remove_prefix(end);
  }
  return fail(FaultKind::closed, "incomplete");
}

TEST(SmtpReply, Formats) {
  EXPECT_EQ(format(250, "2.1.0", "Ok"), "250 2.1.0 Ok\r\n");
  EXPECT_EQ(format(220, "", "mx ESMTP"), "220 mx ESMTP\r\n");
  EXPECT_EQ(format(250, "", "mx\nSIZE 10\nHELP"), "250-mx\r\n250-SIZE 10\r\n250 HELP\r\n");
  EXPECT_EQ(format(550, "5.1.1", "a\nb"), "550-5.1.1 a\r\n550 5.1.1 b\r\n");
}

TEST(SmtpReply, TextCanNotMakeReplies) {
  EXPECT_EQ(format(250, "2.0.0", std::string("a\r250 b\0\x7f", 9)), "250 2.0.0 a?250 b??\r\n");
  const std::string cut = format(250, "2.0.0", std::string(2000, 'x'));
  EXPECT_EQ(cut.size(), kReplyLine);
  EXPECT_TRUE(cut.ends_with("x\r\n"));
}

TEST(SmtpReply, IsNeverCutInsideACharacter) {
  for (size_t before = 480; before <= 500; ++before) {
    std::string text(before, 'x');
    for (int i = 0; i < 20; ++i) text += "\u20ac";
    const std::string cut = format(250, "2.0.0", text);
    EXPECT_LE(cut.size(), kReplyLine);
    EXPECT_GT(cut.size(), kReplyLine - 3);
    EXPECT_EQ((cut.size() - before - 12) % 3, 0u) << before;  // "250 2.0.0 " and CRLF are 12
  }
}

TEST(SmtpReply, Parses) {
  const auto one = parse("550 5.1.1 no such user\r\n");
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(one->code, 550);
  EXPECT_EQ(one->status, "5.1.1");
  EXPECT_EQ(one->text, "no such user");
  const auto many = parse("451-4.7.1 one\r\n451-4.7.1 two\r\n451 4.7.1\r\n");
  ASSERT_TRUE(many.has_value());
  EXPECT_EQ(many->status, "4.7.1");
  EXPECT_EQ(many->text, "one\ntwo\n");
  EXPECT_EQ(parse("354\n")->code, 354);
  EXPECT_EQ(parse("250-\r\n250 \r\n")->text, "\n");
}

TEST(SmtpReply, StatusOnlyWhereItFits) {
  EXPECT_EQ(parse("250 2.0.0 Ok\r\n")->status, "2.0.0");
  EXPECT_EQ(parse("250 5.0.0 Ok\r\n")->status, "");
  EXPECT_EQ(parse("550 5.1.1234 x\r\n")->status, "");
  EXPECT_EQ(parse("550 5.1 x\r\n")->status, "");
  EXPECT_EQ(parse("550 5.1.1x\r\n")->status, "");
  EXPECT_EQ(parse("550 5.7.999\r\n")->status, "5.7.999");
  EXPECT_EQ(parse("354 3.0.0 go\r\n")->status, "");
}

TEST(SmtpReply, HostileTextBecomesHarmless) {
  EXPECT_EQ(parse("550 a\rb\x1b[2J\xff\r\n")->text, "a?b?[2J?");
}

TEST(SmtpReply, RefusesWhatIsNone) {
  for (const char* wire : {"\r\n", "25\r\n", "250_x\r\n", "abc x\r\n", "150 x\r\n", "650 x\r\n",
                           "HTTP/1.1 200\r\n", "250-a\r\n251 b\r\n", "-250 x\r\n"}) {
    const auto reply = parse(wire);
    ASSERT_FALSE(reply.has_value()) << wire;
    EXPECT_EQ(reply.error().kind, FaultKind::syntax);
  }
}

TEST(SmtpReply, Limits) {
  std::string endless;
  for (size_t i = 0; i < 2 * kMaxReplyLines; ++i) endless += "250-x\r\n";
  EXPECT_EQ(parse(endless).error().kind, FaultKind::syntax);
  EXPECT_EQ(parse("250 " + std::string(kMaxReplyLine, 'x') + "\r\n").error().kind, FaultKind::syntax);
  std::string big;
  for (int i = 0; i < 10; ++i) big += "250-" + std::string(4000, 'x') + "\r\n";
  EXPECT_EQ(parse(big).error().kind, FaultKind::syntax);
}

RC_GTEST_PROP(SmtpReplyProperty, RoundTrip, (const std::vector<uint8_t>& bytes, uint8_t pick)) {
  static const std::pair<int, const char*> kKinds[] = {
      {250, "2.0.0"}, {354, ""}, {451, "4.3.0"}, {550, "5.1.1"}, {250, ""}};
  const auto& [code, status] = kKinds[pick % 5];
  std::string text;
  for (uint8_t b : bytes) text += b % 11 == 0 ? '\n' : static_cast<char>('a' + b % 26);
  if (text.size() > 400) text.resize(400);
  const auto reply = parse(format(code, status, text));
  RC_ASSERT(reply.has_value());
  RC_ASSERT(reply->code == code);
  RC_ASSERT(reply->status == status);
  RC_ASSERT(reply->text == text);
}

TEST(SmtpCapabilities, Parses) {
  const Capabilities all = parse_capabilities(
      "mx greets you\nPIPELINING\nSIZE 1000\n8bitmime\nSTARTTLS\nAUTH plain LOGIN\nAUTH=LOGIN "
      "XOLD\nSMTPUTF8\nXFOO bar");
  EXPECT_TRUE(all.pipelining);
  EXPECT_TRUE(all.eight_bit_mime);
  EXPECT_TRUE(all.starttls);
  EXPECT_TRUE(all.utf8);
  EXPECT_EQ(all.size, 1000u);
  EXPECT_THAT(all.auth, testing::ElementsAre("PLAIN", "LOGIN", "XOLD"));
  EXPECT_TRUE(all.offers_auth("PLAIN"));
  EXPECT_FALSE(all.offers_auth("SCRAM-SHA-256"));
}

TEST(SmtpCapabilities, GreetingIsNotAKeyword) {
  const Capabilities none = parse_capabilities("PIPELINING");
  EXPECT_FALSE(none.pipelining);
  EXPECT_FALSE(none.size);
  EXPECT_EQ(parse_capabilities("mx\nSIZE").size, 0u);
  EXPECT_EQ(parse_capabilities("mx\nSIZE nonsense").size, 0u);
}

}  // namespace
}  // namespace posthouse::wire::smtp
