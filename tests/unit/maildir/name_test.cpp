#include "maildir/name.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "maildir/limits.h"
#include "support/fake_clock.h"
#include "support/seeded_random.h"

namespace posthouse::maildir {
namespace {

TEST(Name, OfDovecot) {
  const Name name = parse_name("1276528487.M364837P9451.kurkku,S=1355,W=1394:2,FSab");
  EXPECT_EQ(name.base, "1276528487.M364837P9451.kurkku,S=1355,W=1394");
  EXPECT_EQ(name.size, 1355u);
  EXPECT_EQ(name.crlf_size, 1394u);
  EXPECT_EQ(name.marks, (Marks{Marks::kFlagged | Marks::kSeen, 3}));
  EXPECT_EQ(unique_part(name.base), "1276528487.M364837P9451.kurkku");
}

TEST(Name, OfOthers) {
  EXPECT_EQ(parse_name("1276528487.9451.kurkku").base, "1276528487.9451.kurkku");     // qmail
  EXPECT_EQ(parse_name("1276528487.9451_1.kurkku:2,").marks, Marks{});                // procmail
  EXPECT_EQ(parse_name("1276528487.M1P2V00000803I0056_0.host,S=12:2,ST").size, 12u);  // Courier
  EXPECT_EQ(parse_name("1276528487.R12345678901234.host:2,PRS").marks.flags,
            Marks::kPassed | Marks::kReplied | Marks::kSeen);  // mutt
  EXPECT_EQ(parse_name("plain:1,what").marks, Marks{});
  EXPECT_EQ(parse_name("a,S=x,W=,S").size, std::nullopt);
  EXPECT_EQ(parse_name("").base, "");
}

TEST(Name, ChangesKeepWhatIsNotOurs) {
  const auto changed = [](std::string_view file, MarkChange change) {
    return changed_name(file, change).value();
  };
  EXPECT_EQ(changed("x", {{Marks::kSeen, 0}, {}}), "x:2,S");
  EXPECT_EQ(changed("x:2,S", {{}, {Marks::kSeen, 0}}), "x:2,");
  EXPECT_EQ(changed("x:2,aSXD9", {{Marks::kFlagged, 1 << 25}, {0, 1}}), "x:2,9DFSXz");
  EXPECT_EQ(changed("x:2,S,more:or", {{Marks::kTrashed, 0}, {}}), "x:2,S,more:or:2,T");
  EXPECT_EQ(changed("x:2,S,more", {{Marks::kTrashed, 0}, {}}), "x:2,ST,more");
  EXPECT_EQ(changed("x:1,exp", {{Marks::kTrashed, 0}, {}}), "x:2,T");
  EXPECT_EQ(changed_name(std::string(253, 'x'), {{Marks::kSeen, 0}, {}}).error().kind, FaultKind::permanent);
}

TEST(Name, KeysAreBasesOrTheirUniquePart) {
  EXPECT_TRUE(same_message("1.a.h,S=1,W=2", "1.a.h"));
  EXPECT_TRUE(same_message("1.a.h,S=1,W=2", "1.a.h,S=1,W=2"));
  EXPECT_FALSE(same_message("1.a.host,S=1,W=2", "1.a.h"));
  EXPECT_FALSE(same_message("1.a.h,S=1,W=2", "1.a.h,S=1"));
  EXPECT_FALSE(same_message("1.a", "1.a.h"));
}

TEST(Name, BasesOfOurs) {
  for (const char* bad : {"", ".x", "a/b", "a:b", "a\nb", "a\rb"}) EXPECT_FALSE(is_usable_base(bad)) << bad;
  EXPECT_FALSE(is_usable_base(std::string_view("a\0b", 3)));
  EXPECT_FALSE(is_usable_base(std::string(kMaxBase + 1, 'x')));
  // The longest still takes every mark there is.
  const std::string longest(kMaxBase, 'x');
  EXPECT_TRUE(is_usable_base(longest));
  EXPECT_EQ(changed_name(longest, {{0x3f, 0x3ffffff}, {}})->size(), kMaxFileName);
}

TEST(NameMaker, NeverTwiceAndAlwaysUsable) {
  test::FakeClock clock;  // that stands still
  posthouse::test::SeededRandom random;
  std::set<std::string> seen;
  for (const char* host : {"mx.example.org", "", "a/b:c,d e", "..."}) {
    NameMaker maker(clock, random, host);
    for (int i = 0; i < 10000; ++i) {
      const std::string name = maker.unique();
      ASSERT_TRUE(is_usable_base(base_with_sizes(name, UINT64_MAX, UINT64_MAX))) << name;
      ASSERT_TRUE(seen.insert(name).second) << name;
    }
  }
  NameMaker longest(clock, random, std::string(300, 'h'));
  EXPECT_TRUE(is_usable_base(base_with_sizes(longest.unique(), UINT64_MAX, UINT64_MAX)));
}

RC_GTEST_PROP(NameProperty, AnyNameSurvivesAnyChangeOfMarks,
              (const std::string& text, uint8_t add, uint8_t remove, uint32_t add_letters,
               uint32_t remove_letters)) {
  const std::string file = text.substr(0, 200) + (text.size() % 2 == 0 ? ":2,SXaq,ext" : "");
  const MarkChange change{{static_cast<uint8_t>(add & 0x3f), add_letters & 0x3ffffff},
                          {static_cast<uint8_t>(remove & 0x3f), remove_letters & 0x3ffffff}};
  const Result<std::string> changed = changed_name(file, change);
  RC_ASSERT(changed.has_value());
  const Name before = parse_name(file);
  const Name after = parse_name(*changed);
  RC_ASSERT(after.base == before.base);
  RC_ASSERT(after.marks == change.apply(before.marks));
  RC_ASSERT(after.rest == before.rest);
  RC_ASSERT(marks_of(file) == before.marks && marks_of(*changed) == after.marks);
  std::string known = before.unknown;
  std::sort(known.begin(), known.end());
  RC_ASSERT(after.unknown == known);
  RC_ASSERT(changed_name(*changed, change).value() == *changed);
}

}  // namespace
}  // namespace posthouse::maildir
