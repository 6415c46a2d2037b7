// The table of translations fits what the server says.
#include "access/imap/language.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace posthouse::access::imap {
namespace {

std::string sources() {
  namespace fs = std::filesystem;
  const fs::path src = fs::path(__FILE__).parent_path().parent_path().parent_path().parent_path() / "src";
  std::ostringstream out;
  for (const fs::path& folder : {src / "access", src / "access" / "imap"}) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() != ".cpp" || entry.path().filename() == "language.cpp") continue;
      out << std::ifstream(entry.path()).rdbuf();
    }
  }
  return out.str();
}

TEST(ImapLanguage, WhatIsTranslatedIsSaid) {
  const std::string all = sources();
  for (const std::string_view text : texts_with_translation())
    EXPECT_NE(all.find('"' + std::string(text) + '"'), std::string::npos) << text;
}

TEST(ImapLanguage, TranslationsAreTextsOfResponses) {
  for (const std::string_view text : texts_with_translation()) {
    const std::string german = translated(Language::german, text);
    EXPECT_NE(german, text);
    EXPECT_EQ(german.find_first_of("[\r\n"), std::string::npos) << german;
    EXPECT_EQ(translated(Language::english, text), text);
    EXPECT_EQ(translated(Language::i_default, text), text);
  }
  EXPECT_EQ(translated(Language::german, "FETCH done"), "FETCH ausgeführt");
  EXPECT_EQ(translated(Language::german, "Bad date"), "Bad date");
}

TEST(ImapLanguage, IsFoundByLookup) {
  EXPECT_EQ(find_language({"de-ch-1996"}), Language::german);
  EXPECT_EQ(find_language({"fr", "en-x-any"}), Language::english);
  EXPECT_EQ(find_language({"i-default"}), Language::i_default);
  EXPECT_EQ(find_language({"default"}), Language::i_default);
  EXPECT_FALSE(find_language({"d", "", "*", "-", "deu", "i"}).has_value());
}

}  // namespace
}  // namespace posthouse::access::imap
