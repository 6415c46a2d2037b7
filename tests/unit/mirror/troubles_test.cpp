// What is told of troubles, and how often.
#include "mirror/troubles.h"

#include <gtest/gtest.h>

#include "support/fake_clock.h"

namespace posthouse::mirror {
namespace {

constexpr std::string_view kEvent = "mirror.test";

TEST(Troubles, OnceHourlyAndWhenOver) {
  test::FakeClock clock;
  Troubles troubles(clock);
  const Troubles::Which which{1, 2, kEvent};
  EXPECT_FALSE(troubles.over(which, "a"));
  EXPECT_TRUE(troubles.tell(which, "a", "no rights"));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(troubles.tell(which, "a", "again"));
  EXPECT_TRUE(troubles.tell({1, 3, kEvent}, "b", "another mailbox"));
  EXPECT_TRUE(troubles.tell({2, 2, kEvent}, "a", "another account"));
  EXPECT_TRUE(troubles.tell({1, 2, "mirror.other"}, "a", "another trouble"));
  clock.advance(kTellAgain - seconds(1));
  EXPECT_FALSE(troubles.tell(which, "a", "still"));
  clock.advance(seconds(2));
  EXPECT_TRUE(troubles.tell(which, "a", "still"));
  EXPECT_FALSE(troubles.tell(which, "a", "still"));
  EXPECT_TRUE(troubles.over(which, "a"));
  EXPECT_FALSE(troubles.over(which, "a"));
  EXPECT_TRUE(troubles.tell(which, "a", "anew"));
  troubles.forget(1);
  EXPECT_FALSE(troubles.over(which, "a"));
  EXPECT_TRUE(troubles.over({2, 2, kEvent}, "a"));
}

TEST(Troubles, AgainWhenTwiceAsManyLettersHaveIt) {
  test::FakeClock clock;
  Troubles troubles(clock);
  const Troubles::Which which{1, 2, kEvent};
  EXPECT_TRUE(troubles.tell(which, "a", "x", 3));
  EXPECT_FALSE(troubles.tell(which, "a", "x", 5));
  EXPECT_TRUE(troubles.tell(which, "a", "x", 6));
  EXPECT_FALSE(troubles.tell(which, "a", "x", 6));
}

TEST(Troubles, RemembersSoManyOnly) {
  test::FakeClock clock;
  Troubles troubles(clock, 2);
  for (store::MailboxId mailbox = 1; mailbox <= 3; ++mailbox)
    EXPECT_TRUE(troubles.tell({1, mailbox, kEvent}, "", "x"));
  EXPECT_FALSE(troubles.over({1, 1, kEvent}, ""));
  EXPECT_TRUE(troubles.over({1, 2, kEvent}, ""));
  EXPECT_TRUE(troubles.over({1, 3, kEvent}, ""));
}

}  // namespace
}  // namespace posthouse::mirror
