// Text as terms: which there are, and that a key's runs say the same as a look at the text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "search/terms.h"

namespace posthouse::search {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Terms : TermSink {
  void word(std::string_view term) override { words.emplace(term); }
  void gram(std::string_view term) override { grams.emplace(term); }
  std::set<std::string> words, grams;
};

Terms terms_of(std::string_view text, size_t piece = 0) {
  Terms terms;
  Tokenizer tokenizer(terms);
  for (size_t at = 0; at < text.size(); at += piece == 0 ? text.size() : piece)
    tokenizer.feed(text.substr(at, piece == 0 ? text.size() : piece));
  tokenizer.end_text();
  return terms;
}

TEST(Terms, WordsAreFolded) {
  const Terms terms = terms_of("The post-house, it's here: 42 \xC3\xA4pfel");
  EXPECT_THAT(terms.words, ElementsAre("42", "A\xCC\x88PFEL", "HERE", "HOUSE", "IT", "POST", "S", "THE"));
  EXPECT_THAT(terms.grams, IsEmpty());
}

TEST(Terms, LongTokensAndNumbersAreCut) {
  const Terms terms = terms_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ a1b2c3d4e5f");
  EXPECT_THAT(terms.words, IsEmpty());
  EXPECT_EQ(terms.grams.size(), 24u + 9u);
  EXPECT_TRUE(terms.grams.contains("XYZ"));
  EXPECT_TRUE(terms.grams.contains("E5F"));
  EXPECT_TRUE(terms.grams.contains("ABC"));
}

TEST(Terms, ScriptsWithoutSpacesAreCutInPairs) {
  const Terms terms = terms_of("\xE6\xBC\xA2\xE5\xAD\x97\xE5\xAD\x97 x\xE3\x81\x82y");
  EXPECT_THAT(terms.words,
              testing::UnorderedElementsAre("\xE6\xBC\xA2\xE5\xAD\x97", "\xE5\xAD\x97\xE5\xAD\x97", "X",
                                            "\xE3\x81\x82", "Y"));
}

TEST(Terms, PiecesOfAnySizeGiveTheSame) {
  const std::string text =
      "Hello w\xC3\xB6rld \xE6\xBC\xA2\xE5\xAD\x97 abcdefghijklmnopqrstuvwxyz\xC3\xA9 1234567890123 end";
  const Terms whole = terms_of(text);
  for (size_t piece = 1; piece < 12; piece++) {
    const Terms terms = terms_of(text, piece);
    EXPECT_EQ(terms.words, whole.words);
    EXPECT_EQ(terms.grams, whole.grams);
  }
}

TEST(Terms, KeysFallIntoRuns) {
  const Needle word = parse_needle("ell");
  EXPECT_TRUE(word.single);
  EXPECT_THAT(word.runs.front().pieces, ElementsAre("ELL"));
  const Needle phrase = parse_needle("good news.");
  EXPECT_FALSE(phrase.single);
  ASSERT_EQ(phrase.runs.size(), 2u);
  EXPECT_FALSE(phrase.runs[0].begins);
  EXPECT_TRUE(phrase.runs[0].ends);
  EXPECT_TRUE(phrase.runs[1].begins);
  EXPECT_TRUE(phrase.runs[1].ends);
  EXPECT_THAT(parse_needle(" -- ").runs, IsEmpty());
}

}  // namespace
}  // namespace posthouse::search
