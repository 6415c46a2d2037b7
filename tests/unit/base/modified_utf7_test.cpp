#include "base/modified_utf7.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/utf8.h"

namespace posthouse {
namespace {

TEST(ModifiedUtf7, ExamplesOfTheRfc) {
  EXPECT_EQ(from_modified_utf7("~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e");
  EXPECT_EQ(to_modified_utf7("R&D"), "R&-D");
  EXPECT_EQ(to_modified_utf7("\U0001f4e8"), "&2D3c6A-");
  EXPECT_EQ(to_modified_utf7("v1.2/x", "./"), "v1&AC4-2&AC8-x");
  EXPECT_EQ(to_modified_utf7("a\xff"), "a&,,0-");
}

TEST(ModifiedUtf7, EveryNameHasOneSpelling) {
  for (const char* bad : {"&", "&U,BTFw", "&Jjo!", "&U,BTFw-&ZeVnLIqe-", "&AGE-", "&2D0-", "&3eg2D0-",
                          "&AAB-", "\xc3\xa4", "&A-", "a\n"})
    EXPECT_FALSE(from_modified_utf7(bad)) << bad;
  EXPECT_FALSE(from_modified_utf7("a.b", "."));
  EXPECT_EQ(from_modified_utf7("a&AC4-b", "."), "a.b");
  EXPECT_FALSE(from_modified_utf7("a&AC4-b"));
}

RC_GTEST_PROP(ModifiedUtf7, NamesComeBack, ()) {
  const auto part =
      rc::gen::element<std::string>("a", "&", "-", "ü", "日本", "😀", "~", ",", "x y", ".", "/", "\t");
  std::string name;
  for (const std::string& p : *rc::gen::container<std::vector<std::string>>(part)) name += p;
  RC_ASSERT(from_modified_utf7(to_modified_utf7(name)) == name);
  RC_ASSERT(from_modified_utf7(to_modified_utf7(name, "./"), "./") == name);
}

RC_GTEST_PROP(ModifiedUtf7, AnyOctetsAreOneNameOrNone, (const std::string& octets)) {
  RC_ASSERT(from_modified_utf7(to_modified_utf7(octets)) == to_valid_utf8(octets));
  const auto name = from_modified_utf7(octets);
  if (name) RC_ASSERT(to_modified_utf7(*name) == octets);
}

}  // namespace
}  // namespace posthouse
