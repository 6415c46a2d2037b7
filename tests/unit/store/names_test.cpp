#include "store/names.h"

#include <gtest/gtest.h>

#include "store/keywords.h"
#include "store/limits.h"

namespace posthouse::store {
namespace {

TEST(Names, InboxInAnyCaseIsINBOX) {
  EXPECT_EQ(check_name("inbox").value(), "INBOX");
  EXPECT_EQ(check_name("InBoX/a").value(), "INBOX/a");
  EXPECT_EQ(check_name("a/inbox").value(), "a/inbox");
  EXPECT_EQ(check_name("inboxes").value(), "inboxes");
}

TEST(Names, TakesUtf8AndOddCharacters) {
  for (const char* name :
       {"a", "Entwürfe", "受信箱", "a b", "100%", "*", "~peter/mail", "\xf0\x9f\x93\xac"}) {
    EXPECT_EQ(check_name(name).value_or("?"), name);
  }
  EXPECT_TRUE(check_name(std::string(kMaxNameBytes, 'x')));
}

TEST(Names, RefusesWhatIsNoName) {
  const std::string deep = "a" + [] {
    std::string more;
    for (size_t i = 0; i < kMaxLevels; ++i) more += "/a";
    return more;
  }();
  for (const std::string& name :
       {std::string(), std::string("/"), std::string("/a"), std::string("a/"), std::string("a//b"),
        std::string("a\nb"), std::string("a\x7f"), std::string("a\0b", 3), std::string("\xc2\x85"),
        std::string("\xff"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xe0\x80\x80"), std::string("a\xc3"),
        std::string(kMaxNameBytes + 1, 'x'), deep}) {
    const auto checked = check_name(name);
    ASSERT_FALSE(checked) << name;
    EXPECT_EQ(checked.error().kind, FaultKind::policy);
  }
}

TEST(Names, KnowsAboveAndBelow) {
  EXPECT_EQ(superiors("a/b/c"), (std::vector<std::string>{"a", "a/b"}));
  EXPECT_TRUE(superiors("a").empty());
  EXPECT_TRUE(is_inferior("a/b", "a"));
  EXPECT_FALSE(is_inferior("ab", "a"));
  EXPECT_FALSE(is_inferior("a", "a"));
}

TEST(Keywords, SpellingOfTheFirstUseIsKept) {
  KeywordTable table;
  EXPECT_EQ(table.numbers({"$Forwarded", "todo"}).value(), (std::vector<uint8_t>{0, 1}));
  EXPECT_TRUE(table.changed());
  EXPECT_EQ(table.numbers({"TODO", "$forwarded", "todo"}).value(), (std::vector<uint8_t>{0, 1}));
  EXPECT_EQ(table.known_numbers({"Todo", "other"}), (std::vector<uint8_t>{1}));
  EXPECT_EQ(table.flags(kSeen, {0, 1, 77}).keywords, (std::vector<std::string>{"$Forwarded", "todo"}));
}

TEST(Keywords, HaveLimits) {
  KeywordTable table;
  EXPECT_EQ(table.numbers({std::string(kMaxKeywordBytes + 1, 'x')}).error().kind, FaultKind::policy);
  EXPECT_FALSE(table.numbers({""}));
  for (size_t i = 0; i < kMaxKeywords; ++i) EXPECT_TRUE(table.numbers({"k" + std::to_string(i)}));
  EXPECT_EQ(table.numbers({"one-more"}).error().kind, FaultKind::policy);
  EXPECT_TRUE(table.numbers({"K255"}));
}

}  // namespace
}  // namespace posthouse::store
