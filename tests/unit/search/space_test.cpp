// The room that the index takes beside the text that is in it.
#include <gtest/gtest.h>

#include <random>

#include "search/builder.h"

namespace posthouse::search {
namespace {

// Words as languages have them: many of a few, and of the others few.
class Language {
 public:
  Language() {
    std::vector<double> weights;
    for (int i = 0; i < 40'000; i++) {
      std::string word;
      for (size_t syllables = 1 + random_() % 5; syllables > 0; syllables--) {
        word += "bcdfghlmnprst"[random_() % 13];
        word += "aeiou"[random_() % 5];
      }
      words_.push_back(word);
      weights.push_back(1.0 / (i + 3));
    }
    pick_ = std::discrete_distribution<size_t>(weights.begin(), weights.end());
  }
  std::string text(size_t octets) {
    std::string out;
    while (out.size() < octets) out += words_[pick_(random_)] + (random_() % 12 == 0 ? ".\r\n" : " ");
    return out;
  }
  // Of a link or an identifier.
  std::string token(size_t length) {
    std::string out;
    while (out.size() < length) out += "abcdefghijklmnopqrstuvwxyz0123456789"[random_() % 36];
    return out;
  }

 private:
  std::mt19937 random_{5};
  std::vector<std::string> words_;
  std::discrete_distribution<size_t> pick_;
};

TEST(IndexSpace, IsUnderFortyPerCentOfTheText) {
  Language language;
  SegmentBuilder builder;
  for (Uid uid = 1; uid <= 1'200; uid++) {
    builder.begin_letter(uid, uid);
    builder.feed(Field::subject, language.text(30));
    builder.end_text();
    builder.feed(Field::header, "Received: from a.test by b.test; id " + language.token(12) +
                                    "\nMessage-ID: <" + language.token(20) + "@a.test>\n");
    builder.end_text();
    std::string body = language.text(4'000);
    if (uid % 2 == 0) body += "https://click.test/" + language.token(90);
    builder.feed(Field::body, body);
    builder.end_text();
  }
  const BuiltSegment built = builder.build(1, 1);
  EXPECT_GT(built.segment.text, 1'200u * 4'000);
  EXPECT_LT(built.segment.bytes * 100, built.segment.text * 40);
}

}  // namespace
}  // namespace posthouse::search
