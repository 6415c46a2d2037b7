// Which messages stay within a limit (RFC 9738).
#include <gtest/gtest.h>

#include "access/imap/message_limit.h"

namespace posthouse::access::imap {
namespace {

using Ranges = std::vector<wire::imap::NumberRange>;

TEST(ImapMessageLimit, LastMessagesStay) {
  const Ranges all = {{1, 3}, {5, 5}, {7, 10}};
  const struct {
    uint32_t most;
    Ranges left;
  } cases[] = {{0, all},
               {1, {{10, 10}}},
               {3, {{8, 10}}},
               {4, {{7, 10}}},
               {5, {{5, 5}, {7, 10}}},
               {6, {{3, 3}, {5, 5}, {7, 10}}},
               {7, {{2, 3}, {5, 5}, {7, 10}}},
               {8, all},
               {9, all}};
  for (const auto& [most, left] : cases) {
    Ranges messages = all;
    EXPECT_EQ(keep_last(messages, most), left != all) << most;
    EXPECT_EQ(messages, left) << most;
    std::vector<store::Uid> uids;
    for (const auto& range : all) {
      for (uint32_t n = range.first; n <= range.last; n++) uids.push_back(n);
    }
    EXPECT_EQ(keep_last(uids, most), left != all) << most;
    EXPECT_EQ(uids.size(), count_of(left));
    EXPECT_EQ(uids.front(), left.front().first);
  }
  Ranges none;
  EXPECT_FALSE(keep_last(none, 1));
  Ranges whole = {{1, UINT32_MAX}};
  EXPECT_TRUE(keep_last(whole, UINT32_MAX - 1));
  EXPECT_EQ(whole.front().first, 2u);
}

}  // namespace
}  // namespace posthouse::access::imap
