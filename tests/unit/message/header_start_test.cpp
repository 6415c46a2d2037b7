#include "message/header_start.h"

#include <gtest/gtest.h>

namespace posthouse::message {
namespace {

std::string whole(std::string_view letter) {
  HeaderStart start;
  std::string out = start.feed(letter);
  return out + start.finish();
}

std::string one_byte_at_a_time(std::string_view letter) {
  HeaderStart start;
  std::string out;
  for (const char c : letter) out += start.feed(std::string_view(&c, 1));
  return out + start.finish();
}

void expect(std::string_view letter, bool has_header) {
  const std::string wanted = (has_header ? "" : "\r\n") + std::string(letter);
  EXPECT_EQ(whole(letter), wanted) << letter.substr(0, 40);
  EXPECT_EQ(one_byte_at_a_time(letter), wanted) << letter.substr(0, 40);
}

TEST(HeaderStart, LeavesLettersWithAHeaderAlone) {
  expect("Subject: x\r\n\r\nbody\r\n", true);
  expect("X-Odd!Name:\r\n", true);
  expect("Subject \t : obsolete\r\n", true);
  expect("\r\nan empty header\r\n", true);
  expect("From someone@example.test Sat Nov 28\r\nSubject: x\r\n", true);
  expect(">From someone\r\n", true);
  expect(std::string(900, 'n') + ": long\r\n", true);
}

TEST(HeaderStart, PutsAnEmptyLineBeforeTextThatIsNone) {
  expect("no header at all\r\n", false);
  expect("http://example.test/\r\n", true);  // looks like one, and nobody can tell
  expect("word\r\n", false);
  expect(": no name\r\n", false);
  expect(" folded first line\r\n", false);
  expect("caf\xc3\xa9: 8-bit\r\n", false);
  expect("word", false);  // it ends before it tells
  expect("", false);
  expect(std::string(5000, 'n'), false);
}

TEST(HeaderStart, HoldsBackNoMoreThanALine) {
  HeaderStart start;
  size_t fed = 0;
  while (!start.decided()) {
    start.feed("nnnnnnnnnn");
    fed += 10;
    ASSERT_LE(fed, 1010u);
  }
}

}  // namespace
}  // namespace posthouse::message
