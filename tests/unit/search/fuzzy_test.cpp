// How well texts fit keys that are matched fuzzily (RFC 6203).
#include "search/fuzzy.h"

#include <gtest/gtest.h>

#include "search/limits.h"

namespace posthouse::search {
namespace {

int fit(std::string_view key, const std::vector<std::string>& texts) {
  return fuzzy_score(std::make_shared<const FuzzyKey>(key), texts);
}
int fit(std::string_view key, const std::string& text) {
  return fit(key, std::vector<std::string>{text});
}

TEST(Fuzzy, CaseAndMarksDontMatter) {
  EXPECT_EQ(fit("invoice", "Your INVOICE of May"), 100);
  EXPECT_EQ(fit("cafe", "the caf\u00E9 is open"), 100);
  EXPECT_EQ(fit("caf\u00E9s", "CAFES"), 100);
  EXPECT_EQ(fit("strasse", "Lange Stra\u00DFe"), 100);
  EXPECT_EQ(fit("oresund", "\u00D8resund"), 100);
  EXPECT_EQ(fit("\u0445\u043B\u0435\u0431", "\u0425\u041B\u0415\u0411"), 100);
  EXPECT_EQ(fit("\u0451\u043B\u043A\u0430", "\u0435\u043B\u043A\u0430"), 100);
}

TEST(Fuzzy, OtherFormsAndSlipsFitLess) {
  const int ending = fit("swim", "swims");
  const int form = fit("swim", "swimming");
  const int stem = fit("running", "a runner");
  const int inside = fit("house", "the Posthouse");
  const int slip = fit("Helo", "hello");
  const int slips = fit("recieving", "reciving");
  const int two = fit("acomodation", "accommodation");
  EXPECT_GT(100, ending);
  EXPECT_GT(ending, form);
  EXPECT_EQ(form, stem);
  EXPECT_GT(form, inside);
  EXPECT_GT(inside, slip);
  EXPECT_EQ(slip, slips);
  EXPECT_GT(slip, two);
  EXPECT_GT(two, 0);
  // RFC 6203 section 4
  EXPECT_EQ(fit("Helo", "help"), slip);
  // neighbours that changed places are one slip
  EXPECT_EQ(fit("recieve", "receive"), slip);
  EXPECT_GT(fit("invoices", "invoice"), 0);
}

TEST(Fuzzy, WhatIsUnlikeIsNotFound) {
  EXPECT_EQ(fit("invoice", "your bill of May"), 0);
  EXPECT_EQ(fit("cat", "cut"), 0);  // short words have no slips
  EXPECT_EQ(fit("cat", "concatenate"), 0);
  EXPECT_EQ(fit("2025", "2026"), 0);  // nor have numbers
  EXPECT_EQ(fit("abc1", "abc2"), 0);
  EXPECT_EQ(fit("go", "gone"), 0);
  EXPECT_EQ(fit("invoice", ""), 0);
}

// Of two words both, of more two in three; the more of them, the better.
TEST(Fuzzy, SeveralWords) {
  EXPECT_EQ(fit("annual report", "Report, annual"), 100);
  EXPECT_EQ(fit("annual report", std::vector<std::string>{"annual", "report"}), 100);
  EXPECT_EQ(fit("annual report", "the annual meeting"), 0);
  EXPECT_EQ(fit("annual report draft", "the annual report"), 67);
  EXPECT_EQ(fit("annual report draft", "the report"), 0);
  EXPECT_GT(fit("annual report", "annual reports"), fit("annual report", "annual reportedly"));
}

TEST(Fuzzy, ScriptsWithoutSpaces) {
  EXPECT_EQ(fit("\u6F22\u5B57", "\u65E5\u672C\u8A9E\u306E\u6F22\u5B57"), 100);
  EXPECT_EQ(fit("\u6F22", "\u65E5\u672C\u8A9E\u306E\u6F22\u5B57"), 100);
  EXPECT_EQ(fit("\u6F22\u8A9E", "\u65E5\u672C\u8A9E\u306E\u6F22\u5B57"), 0);
}

// Words that are no terms by themselves are found by their pieces, one behind the other.
TEST(Fuzzy, LongWords) {
  const std::string token = "0123456789abcdefghij";
  EXPECT_EQ(fit(token, "see " + token + "."), 100);
  EXPECT_EQ(fit("cdef", token), 50);
  EXPECT_EQ(fit("cdfe", token), 0);
  EXPECT_EQ(fit("cdefg", "0123456789abcdef 0123456789defghij"), 0);
  // A piece that comes twice
  EXPECT_EQ(fit("ababac", "00000000000ababababacxx"), 50);
  EXPECT_EQ(fit("xababac", "00000000000xabababacxx"), 0);
  const std::string huge(10'000, 'x');
  EXPECT_EQ(fit(huge, huge), 100);
  EXPECT_GT(fit("xxxx", huge), 0);
}

// Subject before header before body.
TEST(Fuzzy, FieldsWeigh) {
  const auto key = std::make_shared<const FuzzyKey>("budget");
  int last = 101;
  for (const Field field : {Field::subject, Field::header, Field::body}) {
    FuzzyTexts texts({{key, false}, {key, true}});
    texts.enter(field);
    texts.feed("the budget");
    EXPECT_EQ(texts.score(0), 0);  // the text may go on: "budgets"
    texts.end_text();
    EXPECT_LT(texts.score(0), last);
    EXPECT_EQ(texts.score(1), field == Field::body ? 100 : 0);
    EXPECT_EQ(texts.all_found(), field == Field::body);
    last = texts.score(0);
  }
}

TEST(Fuzzy, KeysWithoutWordsAreForOthers) {
  for (const char* key : {"", "!?", " ", "\xFF", "\u0301"}) EXPECT_TRUE(FuzzyKey(key).words().empty()) << key;
  std::string many;
  for (int i = 0; i < 100; i++) many += "word ";
  EXPECT_EQ(FuzzyKey(many).words().size(), kFuzzyWords);
}

}  // namespace
}  // namespace posthouse::search
