#include "base/connection_counts.h"

#include <gtest/gtest.h>

namespace posthouse {
namespace {

using Entry = ConnectionCounts::Entry;

IpAddress ip(const char* text) {
  return *IpAddress::parse(text);
}

TEST(ConnectionCounts, ANetworkHasItsShareAndAllTogetherTheirLimit) {
  ConnectionCounts counts;
  EXPECT_EQ(counts.enter(ip("192.0.2.1"), 3, 2), Entry::taken);
  EXPECT_EQ(counts.enter(ip("192.0.2.99"), 3, 2), Entry::taken);
  EXPECT_EQ(counts.enter(ip("192.0.2.7"), 3, 2), Entry::too_many_of_network);
  EXPECT_EQ(counts.enter(ip("2001:db8::1"), 3, 2), Entry::taken);
  EXPECT_EQ(counts.enter(ip("198.51.100.1"), 3, 2), Entry::too_many);
  EXPECT_EQ(counts.total(), 3u);
}

TEST(ConnectionCounts, WhoLeavesMakesRoom) {
  ConnectionCounts counts;
  EXPECT_EQ(counts.enter(ip("2001:db8::1"), 9, 1), Entry::taken);
  EXPECT_EQ(counts.enter(ip("2001:db8::2"), 9, 1), Entry::too_many_of_network);
  counts.leave(ip("2001:db8::1"));
  EXPECT_EQ(counts.total(), 0u);
  EXPECT_EQ(counts.enter(ip("2001:db8::2"), 9, 1), Entry::taken);
  counts.leave(ip("203.0.113.5"));  // never entered
  EXPECT_EQ(counts.total(), 1u);
}

TEST(ConnectionCounts, ALimitOfNothingTakesNobody) {
  ConnectionCounts counts;
  EXPECT_EQ(counts.enter(ip("192.0.2.1"), 0, 1), Entry::too_many);
  EXPECT_EQ(counts.enter(ip("192.0.2.1"), 1, 0), Entry::too_many_of_network);
  EXPECT_EQ(counts.total(), 0u);
}

}  // namespace
}  // namespace posthouse
