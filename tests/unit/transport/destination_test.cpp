#include "transport/destination.h"

#include "support/seeded_random.h"
#include "transport/limits.h"

namespace posthouse::transport {
namespace {

const SteadyTime kNow = SteadyTime(std::chrono::hours(10));

struct DestinationTest : ::testing::Test {
  Destination destination;
  test::SeededRandom random;
  void fail(SteadyTime at) { destination.failed(own_answer(0, "4.4.1", "silence"), at, random); }
};

TEST_F(DestinationTest, GrowsWithSuccess) {
  EXPECT_EQ(destination.limit(20), kFirstConnections);
  EXPECT_EQ(destination.limit(2), 2u);
  for (int i = 0; i < 1000; ++i) destination.reached(20);
  EXPECT_EQ(destination.limit(20), 20u);
  destination.connected = 3;
  destination.crowded();
  EXPECT_EQ(destination.limit(20), 3u);
}

TEST_F(DestinationTest, ClosesForLongerEachTime) {
  SteadyTime at = kNow;
  milliseconds before{0};
  for (int i = 0; i < 4; ++i) {
    fail(at);
    EXPECT_TRUE(destination.is_closed(at));
    const auto closed = std::chrono::duration_cast<milliseconds>(destination.closed_until - at);
    EXPECT_GT(closed, before);
    EXPECT_LE(closed, milliseconds(kCloseMost) * 5 / 4);
    before = closed;
    at = destination.closed_until;
    EXPECT_FALSE(destination.is_closed(at));
    EXPECT_EQ(destination.limit(20), 1u);
  }
  for (int i = 0; i < 100; ++i) {
    fail(at);
    EXPECT_LE(destination.closed_until - at, milliseconds(kCloseMost) * 5 / 4);
    at = destination.closed_until;
  }
  destination.reached(20);
  EXPECT_FALSE(destination.is_closed(at));
  EXPECT_GT(destination.limit(20), 1u);
}

TEST_F(DestinationTest, OneTroubleCountsOnce) {
  fail(kNow);
  const SteadyTime until = destination.closed_until;
  fail(kNow);
  fail(kNow + seconds(1));
  EXPECT_EQ(destination.closed_until, until);
  EXPECT_EQ(destination.failures, 1u);
}

TEST(HostMemory, BadHostsGoLastForAWhile) {
  HostMemory memory;
  const Host a{"a", 10, {*IpAddress::parse("192.0.2.1"), 25}};
  const Host b{"b", 20, {*IpAddress::parse("192.0.2.2"), 25}};
  memory.remember_bad(a.at.ip, kNow + seconds(60));
  EXPECT_EQ(memory.order({a, b}, kNow).front().name, "b");
  EXPECT_EQ(memory.order({a, b}, kNow).back().name, "a");
  EXPECT_EQ(memory.order({a, b}, kNow + seconds(60)).front().name, "a");
  memory.remember_good(a.at.ip);
  EXPECT_FALSE(memory.is_bad(a.at.ip, kNow));
  memory.remember_bad_tls(b.at.ip, kNow + seconds(1));
  EXPECT_TRUE(memory.is_bad_tls(b.at.ip, kNow));
  for (uint32_t i = 0; i < kMaxRemembered + 10; ++i)
    memory.remember_bad(IpAddress::from_v4(i), kNow + seconds(1));
  EXPECT_TRUE(memory.is_bad(IpAddress::from_v4(kMaxRemembered + 9), kNow));
}

}  // namespace
}  // namespace posthouse::transport
