#include "message/flowed_text.h"

#include <rapidcheck/gtest.h>

#include "unit/message/support.h"

namespace posthouse::message {
namespace {

std::string unflowed(std::string_view text, bool delete_spaces = false, size_t piece = 1000) {
  FlowedText flowed(delete_spaces);
  std::string out;
  for (size_t at = 0; at < text.size(); at += piece) flowed.feed(text.substr(at, piece), out);
  flowed.finish(out);
  return out;
}

TEST(FlowedText, JoinsWhatFlows) {
  EXPECT_EQ(unflowed("one \r\ntwo\r\nthree\r\n"), "one two\nthree\n");
  EXPECT_EQ(unflowed("one \ntwo"), "one two\n");
  EXPECT_EQ(unflowed("one \n\ntwo"), "one \ntwo\n");
  EXPECT_EQ(unflowed("one "), "one \n");
  EXPECT_EQ(unflowed(""), "");
  EXPECT_EQ(unflowed("\r\n\r\n"), "\n\n");
}

TEST(FlowedText, DeletesSpaces) {
  EXPECT_EQ(unflowed("日本 \r\n語 \r\n", true), "日本語\n");
  EXPECT_EQ(unflowed("one  \r\ntwo", true), "one two\n");
}

TEST(FlowedText, KeepsQuotesApart) {
  EXPECT_EQ(unflowed("> one \n> two\nanswer\n"), "> one two\nanswer\n");
  EXPECT_EQ(unflowed(">> one \n> two \nthree\n"), ">> one \n> two \nthree\n");
  EXPECT_EQ(unflowed(">one\n>\n"), "> one\n> \n");
}

TEST(FlowedText, UndoesStuffing) {
  EXPECT_EQ(unflowed(" From here\n  indented\n >no quote\n"), "From here\n indented\n>no quote\n");
}

TEST(FlowedText, LeavesTheSignatureAlone) {
  EXPECT_EQ(unflowed("end \n-- \nJoe\n"), "end \n-- \nJoe\n");
  EXPECT_EQ(unflowed("> -- \n> Joe\n"), "> -- \n> Joe\n");
  EXPECT_EQ(unflowed("--\n- \nx"), "--\n- x\n");
}

TEST(FlowedText, IsNamedByParameters) {
  const auto part = [](const std::string& type) {
    return summarize("Content-Type: " + type + "\r\n\r\n").root;
  };
  EXPECT_TRUE(is_flowed(part("text/plain; Format=Flowed")));
  EXPECT_FALSE(is_flowed(part("text/plain; format=fixed")));
  EXPECT_FALSE(is_flowed(part("text/html; format=flowed")));
  EXPECT_TRUE(deletes_spaces(part("text/plain; format=flowed; delsp=YES")));
  EXPECT_FALSE(deletes_spaces(part("text/plain; format=flowed")));
}

RC_GTEST_PROP(FlowedText, PiecesMakeNoDifference, ()) {
  const auto words = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>(">", " ", "-", "\n", "\r\n", "\r", "word", "-- \n"));
  std::string text;
  for (const auto& word : words) text += word;
  const auto piece = *rc::gen::inRange<size_t>(1, 5);
  const bool delete_spaces = *rc::gen::arbitrary<bool>();
  RC_ASSERT(unflowed(text, delete_spaces, piece) == unflowed(text, delete_spaces));
}

}  // namespace
}  // namespace posthouse::message
