#include "directory/throttle.h"

#include "directory/limits.h"
#include "support/fake_clock.h"

namespace posthouse::directory {
namespace {

const IpAddress kHome = *IpAddress::parse("192.0.2.1");
const IpAddress kStranger = *IpAddress::parse("198.51.100.7");

class ThrottleTest : public ::testing::Test {
 protected:
  // Tries and fails; false if not even the try was allowed.
  bool try_and_fail(const std::string& name, const IpAddress& peer) {
    if (!throttle.check(name, peer)) return false;
    throttle.report(name, peer, false);
    return true;
  }

  test::FakeClock clock;
  Throttle throttle{clock};
};

TEST_F(ThrottleTest, FirstFailuresAreFree) {
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) EXPECT_TRUE(try_and_fail("alice", kHome));
  Result<void> allowed = throttle.check("alice", kHome);
  ASSERT_FALSE(allowed);
  EXPECT_EQ(allowed.error().kind, FaultKind::policy);
  EXPECT_THAT(allowed.error().what, ::testing::HasSubstr("throttled"));
  EXPECT_THAT(allowed.error().what, ::testing::HasSubstr("1 s"));
}

TEST_F(ThrottleTest, DelayDoublesUpToTheLongestAndNeverLocksOut) {
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) ASSERT_TRUE(try_and_fail("alice", kHome));
  for (seconds delay : {seconds(1), seconds(2), seconds(4), seconds(8), seconds(16), seconds(32), seconds(60),
                        seconds(60), seconds(60)}) {
    clock.advance(delay - milliseconds(1));
    EXPECT_FALSE(throttle.check("alice", kHome)) << delay.count();
    clock.advance(milliseconds(1));
    EXPECT_TRUE(try_and_fail("alice", kHome)) << delay.count();
  }
}

TEST_F(ThrottleTest, OnlyOneTryInEachWaitingTime) {
  for (uint32_t i = 0; i < kFreeFailuresAccount + 1; ++i) {
    ASSERT_TRUE(try_and_fail("alice", kHome));
    clock.advance(seconds(60));
  }
  EXPECT_TRUE(throttle.check("alice", kHome));
  EXPECT_FALSE(throttle.check("alice", kHome));  // a second guess beside the first
}

// Many guesses under way together, each begun while failures were free.
TEST_F(ThrottleTest, ASuccessAmongTooManyGuessesUnderWayDoesNotStand) {
  for (uint32_t i = 0; i < kFreeFailuresAccount + 1; ++i) ASSERT_TRUE(throttle.check("alice", kStranger));
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) throttle.report("alice", kStranger, false);
  EXPECT_FALSE(throttle.report("alice", kStranger, true));
  clock.advance(seconds(1));
  ASSERT_TRUE(throttle.check("alice", kStranger));
  EXPECT_TRUE(throttle.report("alice", kStranger, true));  // this one waited its time

  for (uint32_t i = 0; i < kFreeFailuresNetwork; ++i) {
    throttle.report(fmt::format("nobody{}", i), *IpAddress::parse("203.0.113.1"), false);
  }
  EXPECT_FALSE(throttle.report("bob", *IpAddress::parse("203.0.113.2"), true));

  for (uint32_t i = 0; i < kFreeFailuresKnown; ++i) throttle.report("alice", kStranger, false);
  EXPECT_FALSE(throttle.report("alice", kStranger, true));
}

TEST_F(ThrottleTest, StrangersDoNotShutOutAKnownNetwork) {
  throttle.report("alice", kHome, true);
  for (int i = 0; i < 1000; ++i) try_and_fail("alice", kStranger);
  EXPECT_FALSE(throttle.check("alice", kStranger));
  EXPECT_TRUE(throttle.check("alice", kHome));
  // Her own failures there count for themselves.
  for (uint32_t i = 0; i < kFreeFailuresKnown; ++i) EXPECT_TRUE(try_and_fail("alice", kHome));
  EXPECT_FALSE(throttle.check("alice", kHome));
  clock.advance(kLongestDelayKnown);
  EXPECT_TRUE(throttle.check("alice", kHome));
  throttle.report("alice", kHome, true);
  EXPECT_TRUE(try_and_fail("alice", kHome));
}

TEST_F(ThrottleTest, CountsANetworkOverManyNames) {
  uint32_t allowed = 0;
  for (int i = 0; i < 200; ++i) {
    IpAddress peer = *IpAddress::parse(fmt::format("198.51.100.{}", i % 250));
    allowed += try_and_fail(fmt::format("user{}", i), peer);
  }
  EXPECT_EQ(allowed, kFreeFailuresNetwork);
  EXPECT_TRUE(throttle.check("user1", kHome));
}

TEST_F(ThrottleTest, CountsV6BySixtyFour) {
  uint32_t allowed = 0;
  for (int i = 0; i < 100; ++i) {
    allowed +=
        try_and_fail(fmt::format("user{}", i), *IpAddress::parse(fmt::format("2001:db8::{:x}", i + 1)));
  }
  EXPECT_EQ(allowed, kFreeFailuresNetwork);
}

TEST_F(ThrottleTest, ForgetsAfterAWhile) {
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) try_and_fail("alice", kHome);
  ASSERT_FALSE(throttle.check("alice", kHome));
  clock.advance(kForgetFailures);
  for (uint32_t i = 0; i < kFreeFailuresAccount; ++i) EXPECT_TRUE(try_and_fail("alice", kHome));
}

}  // namespace
}  // namespace posthouse::directory
