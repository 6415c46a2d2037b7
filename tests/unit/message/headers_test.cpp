#include "message/headers.h"

#include <rapidcheck/gtest.h>

namespace posthouse::message {
namespace {

std::vector<std::string> names_of(std::string_view block) {
  std::vector<std::string> names;
  HeaderReader reader(block);
  HeaderField field;
  while (reader.next(field)) names.emplace_back(field.name);
  return names;
}

using Names = std::vector<std::string>;

TEST(HeaderReader, ReadsFieldsAndFolds) {
  const std::string block = "From: a@b\r\nSubject: one\r\n two\r\n\tthree\r\nX:\r\n\r\nbody: no\r\n";
  HeaderReader reader(block);
  HeaderField field;
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.name, "From");
  EXPECT_EQ(field.value, " a@b");
  EXPECT_EQ(field.begin, 0u);
  EXPECT_EQ(field.end, 11u);
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.name, "Subject");
  EXPECT_EQ(field.value, " one\r\n two\r\n\tthree");
  EXPECT_EQ(unfold(field.value), "one two\tthree");
  ASSERT_TRUE(reader.next(field));
  EXPECT_EQ(field.name, "X");
  EXPECT_EQ(field.value, "");
  EXPECT_FALSE(reader.next(field));
  EXPECT_FALSE(reader.next(field));
  EXPECT_EQ(block.substr(reader.body_begin()), "body: no\r\n");
}

TEST(HeaderReader, TakesWhatMailersWrite) {
  EXPECT_EQ(names_of("A: 1\nB : 2\n\nC: 3\n"), (Names{"A", "B"}));
  EXPECT_EQ(header_size("A: 1\nB : 2\n\nC: 3\n"), 12u);
  // RFC 7103 section 7.2: a line that is no field continues the one before.
  const std::string torn = "Subject: your reminder\r\nabout the game\r\nDate: x\r\n\r\n";
  EXPECT_EQ(names_of(torn), (Names{"Subject", "Date"}));
  EXPECT_EQ(unfold(find_field(torn, "subject")->value), "your reminder about the game");
  // Section 7.3: a folded line of blanks only.
  EXPECT_EQ(names_of("A: 1\r\n \r\n 2\r\nB: 3\r\n\r\n"), (Names{"A", "B"}));
  EXPECT_EQ(names_of("From joe Mon Jan  1 00:00:00 2024\nA: 1\n\n"), (Names{"A"}));
  EXPECT_EQ(names_of("From : joe\n\n"), (Names{"From"}));
  EXPECT_EQ(names_of("A: 1"), (Names{"A"}));
  EXPECT_EQ(header_size("A: 1"), 4u);
  EXPECT_EQ(names_of(""), Names{});
  EXPECT_EQ(names_of("\r\nA: 1\r\n"), Names{});
  EXPECT_EQ(header_size("\r\nA: 1\r\n"), 2u);
  EXPECT_EQ(names_of("just text\r\nA: 1\r\n"), Names{});
  EXPECT_EQ(header_size("just text\r\nA: 1\r\n"), 0u);
  EXPECT_EQ(names_of(": no name\r\n\r\n"), Names{});
  EXPECT_EQ(names_of(" A: folded first\r\n\r\n"), Names{});
  EXPECT_EQ(names_of("A\xc3\xa9: 1\r\n\r\n"), Names{});
}

TEST(Unfold, DropsWhatBreaksLines) {
  EXPECT_EQ(unfold(" a\r\n b"), "a b");
  EXPECT_EQ(unfold("a\n\tb\n"), "a\tb");
  EXPECT_EQ(unfold(std::string_view("a\0b", 3)), "ab");
  EXPECT_EQ(unfold("a\rb"), "a b");
  EXPECT_EQ(unfold("a\r\nb"), "a b");
  EXPECT_EQ(unfold(" \r\n "), "");
}

RC_GTEST_PROP(Unfold, NeverLeavesLineEnds, (const std::string& text)) {
  const auto out = unfold(text);
  RC_ASSERT(out.find_first_of(std::string("\r\n\0", 3)) == std::string::npos);
  RC_ASSERT(unfold(out) == out);
}

TEST(SelectFields, KeepsFieldsAsTheyStand) {
  const std::string block = "From: a\r\nSubject: one\r\n two\r\nTo: b\r\nfrom: c\r\n\r\nbody";
  EXPECT_EQ(select_fields(block, {"FROM", "subject"}, false),
            "From: a\r\nSubject: one\r\n two\r\nfrom: c\r\n\r\n");
  EXPECT_EQ(select_fields(block, {"FROM", "subject"}, true), "To: b\r\n\r\n");
  EXPECT_EQ(select_fields(block, {"X"}, false), "\r\n");
  EXPECT_EQ(select_fields("A: 1", {"a"}, false), "A: 1\r\n\r\n");
}

RC_GTEST_PROP(HeaderReader, CoversTheHeaderWithoutGaps, ()) {
  const auto block =
      *rc::gen::container<std::string>(rc::gen::element('A', ':', ' ', '\r', '\n', '\t', 'F', '\0'));
  HeaderReader reader(block);
  HeaderField field;
  size_t at = 0;
  while (reader.next(field)) {
    RC_ASSERT(field.begin == at);
    RC_ASSERT(field.end > field.begin);
    RC_ASSERT(!field.name.empty());
    at = field.end;
  }
  RC_ASSERT(reader.body_begin() >= at);
  RC_ASSERT(reader.body_begin() <= block.size());
}

}  // namespace
}  // namespace posthouse::message
