// Which UIDs index and files agree on.
#include "mirror/uid_plan.h"

#include <gtest/gtest.h>

namespace posthouse::mirror {
namespace {

using Uids = std::vector<store::Uid>;

TEST(UidPlanTest, WhatAgreesStays) {
  EXPECT_EQ(plan_uids({{1, 1, true}, {4, 4, true}, {6, 6, false}}, {7, 6}), (Uids{1, 4, 6}));
}

TEST(UidPlanTest, UidsThatWeNeverGaveAreTakenOver) {
  EXPECT_EQ(plan_uids({{1, 1, true}, {2, 5, true}, {3, 6, true}}, {4, 6}), (Uids{1, 5, 6}));
}

TEST(UidPlanTest, OneThatBothGaveIsLeftToNobody) {
  // The second letter is the other program's, the third ours; clients of either know UID 2.
  EXPECT_EQ(plan_uids({{1, 1, true}, {3, 2, false}, {2, 0, false}}, {4, 2}), (Uids{1, 3, 4}));
  EXPECT_EQ(plan_uids({{1, 1, true}, {3, 2, false}, {2, 3, false}}, {4, 3}), (Uids{1, 4, 5}));
}

TEST(UidPlanTest, OneThatTheFilesLostComesBack) {
  EXPECT_EQ(plan_uids({{1, 1, true}, {2, 0, true}, {3, 3, true}}, {4, 3}), (Uids{1, 2, 3}));
  EXPECT_EQ(plan_uids({{1, 1, true}, {2, 0, true}, {3, 0, true}}, {4, 3}), (Uids{1, 2, 3}));
  EXPECT_EQ(plan_uids({{1, 1, true}, {2, 0, false}}, {4, 3}), (Uids{1, 4})) << "others may have given it";
}

TEST(UidPlanTest, NoneRisesOverOneBehindIt) {
  EXPECT_EQ(plan_uids({{6, 0, false}, {5, 5, true}, {7, 7, true}}, {8, 7}), (Uids{8, 9, 10}));
}

TEST(UidPlanTest, StrangersKeepTheirPlaces) {
  EXPECT_EQ(plan_uids({{1, 1, true}, {0, 5, false}, {2, 0, false}}, {3, 5}), (Uids{1, 0, 6}));
}

// Whatever the two say: the result rises, and no UID is one that was given to somebody else.
TEST(UidPlanTest, AllSmallCases) {
  constexpr store::Uid kMost = 3;
  for (store::Uid code = 0; code < 4096; ++code) {
    std::vector<NamedMessage> messages;
    store::Uid file = 0;
    for (store::Uid i = 0, rest = code; i < 4; ++i, rest /= 8) {
      NamedMessage one{code % 2 != 0 ? 4 - i : i + 1, 0, rest % 2 != 0};
      const store::Uid gap = rest / 2 % 4;
      if (gap != 0) one.file = file += gap;
      messages.push_back(one);
    }
    const UidBounds bounds{5, file + code % kMost};
    const Uids uids = plan_uids(messages, bounds);
    ASSERT_EQ(uids.size(), messages.size());
    for (size_t i = 0; i < uids.size(); ++i) {
      if (i != 0) {
        EXPECT_LT(uids[i - 1], uids[i]) << code;
      }
      const NamedMessage& one = messages[i];
      const bool ours = uids[i] == one.index;
      const bool new_to_us = uids[i] >= bounds.index_next;
      const bool new_to_others = uids[i] > bounds.file_last || uids[i] == one.file || one.file == 0;
      EXPECT_TRUE((ours || new_to_us) && new_to_others) << code << " " << i;
    }
  }
}

}  // namespace
}  // namespace posthouse::mirror
