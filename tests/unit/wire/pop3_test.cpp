#include <gtest/gtest.h>

#include "wire/pop3/command.h"
#include "wire/pop3/letter_writer.h"

namespace posthouse::wire::pop3 {
namespace {

TEST(Pop3Command, KeywordsInAnyCaseWithTheirArguments) {
  const auto top = parse_command("tOp 3 10\r\n");
  ASSERT_TRUE(top);
  EXPECT_EQ(top->verb, Verb::top);
  EXPECT_EQ(top->message, 3u);
  EXPECT_EQ(top->lines, 10u);
  EXPECT_EQ(parse_command("PASS  two  spaces \r\n")->password.reveal(), " two  spaces ");
  EXPECT_EQ(parse_command("AUTH PLAIN =\r\n")->initial, "=");
  EXPECT_FALSE(parse_command("LIST\r\n")->message);
}

TEST(Pop3Command, WhatIsWrongIsRefused) {
  for (const char* line : {"", "\r\n", "XYZZY", "RETR", "RETR 0", "RETR -1", "RETR 4294967296", "DELE 1 2",
                           "TOP 1", "TOP 1 x", "PASS", "PASS ", "USER  ", "NOOP 1", "LIST a", "USER a\tb"}) {
    EXPECT_FALSE(parse_command(line)) << line;
  }
}

std::string sent(std::string_view letter, std::optional<uint64_t> lines, size_t step) {
  LetterWriter writer(lines);
  std::string out;
  for (size_t at = 0; at < letter.size(); at += step) {
    if (!writer.feed(letter.substr(at, step), out)) break;
  }
  writer.finish(out);
  return out;
}

void expect_sent(std::string_view letter, std::optional<uint64_t> lines, std::string_view expected) {
  for (size_t step = 1; step <= letter.size() + 1; ++step)
    EXPECT_EQ(sent(letter, lines, step), expected) << step;
}

TEST(Pop3Letter, DotsAreDoubledAlsoBehindBareLineFeeds) {
  expect_sent("A: b\r\n\r\n.\r\n..x\n.\r\na.b\r\n", {}, "A: b\r\n\r\n..\r\n...x\n..\r\na.b\r\n.\r\n");
}

TEST(Pop3Letter, EndsAreCompleted) {
  expect_sent("A: b\r\n\r\nno end", {}, "A: b\r\n\r\nno end\r\n.\r\n");
  expect_sent("A: b\r\n\r\nLF\n", {}, "A: b\r\n\r\nLF\n\r\n.\r\n");
  expect_sent("A: b\r\n", {}, "A: b\r\n\r\n.\r\n");
  expect_sent("", {}, "\r\n.\r\n");
}

TEST(Pop3Letter, TopStops) {
  constexpr std::string_view letter = "A: b\r\nC: d\r\n\r\n1\r\n\r\n3\r\n";
  expect_sent(letter, 0, "A: b\r\nC: d\r\n\r\n.\r\n");
  expect_sent(letter, 2, "A: b\r\nC: d\r\n\r\n1\r\n\r\n.\r\n");
  expect_sent(letter, 9, "A: b\r\nC: d\r\n\r\n1\r\n\r\n3\r\n.\r\n");
}

TEST(Pop3Letter, NulIsReplacedOctetByOctet) {
  expect_sent(std::string_view("A: b\r\n\r\n\0x\r\n", 12), {}, "A: b\r\n\r\n\x80x\r\n.\r\n");
}

}  // namespace
}  // namespace posthouse::wire::pop3
