#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "store/types.h"

namespace posthouse::store {
namespace {

// A set is the reference.
void compare(const UidList& list, const std::set<Uid>& model) {
  RC_ASSERT(list.size() == model.size());
  RC_ASSERT(list.empty() == model.empty());
  RC_ASSERT(list.last() == (model.empty() ? 0 : *model.rbegin()));
  uint32_t sequence = 0;
  for (const Uid uid : model) {
    RC_ASSERT(list.at(++sequence) == uid);
    RC_ASSERT(list.sequence(uid) == sequence);
  }
  uint32_t before = 0;
  Uid end = 0;
  for (const UidList::Run& run : list.runs()) {
    RC_ASSERT(run.count > 0);
    RC_ASSERT(run.before == before);
    RC_ASSERT(run.first > end);  // and runs that touch are one
    before += run.count;
    end = run.first + run.count;
  }
}

RC_GTEST_PROP(UidList, DoesAsASetDoes, ()) {
  UidList list;
  std::set<Uid> model;
  Uid next = 1;
  const int count = *rc::gen::inRange(0, 60);
  for (int i = 0; i < count; ++i) {
    next += *rc::gen::element<Uid>(0, 0, 0, 1, 5);
    list.append(next);
    model.insert(next++);
  }
  compare(list, model);
  const int removals = *rc::gen::inRange(0, 60);
  for (int i = 0; i < removals; ++i) {
    const Uid uid = *rc::gen::inRange<Uid>(0, next + 2);
    RC_ASSERT(list.contains(uid) == model.contains(uid));
    RC_ASSERT(list.remove(uid) == (model.erase(uid) == 1));
    compare(list, model);
  }
  for (Uid uid = 0; uid < next + 3; ++uid) {
    const auto at = model.lower_bound(uid);
    RC_ASSERT(list.lower_bound(uid) == static_cast<uint32_t>(std::distance(model.begin(), at)) + 1);
    RC_ASSERT(list.sequence(uid) == (model.contains(uid) ? list.lower_bound(uid) : 0));
  }
  list.append(next + 1000);  // still usable after removals
  model.insert(next + 1000);
  compare(list, model);
}

TEST(UidList, ABigMailboxWithoutGapsIsOneRun) {
  UidList list;
  list.append_run(1, 1'000'000);
  list.append_run(1'000'001, 5);
  list.append_run(2'000'000, 0);
  EXPECT_EQ(list.runs().size(), 1u);
  EXPECT_EQ(list.size(), 1'000'005u);
  EXPECT_EQ(list.at(1'000'005), 1'000'005u);
}

TEST(UidList, HoldsTheLargestUid) {
  UidList list;
  list.append(UINT32_MAX - 1);
  list.append(UINT32_MAX);
  EXPECT_EQ(list.sequence(UINT32_MAX), 2u);
  EXPECT_EQ(list.lower_bound(UINT32_MAX), 2u);
  EXPECT_EQ(list.last(), UINT32_MAX);
  EXPECT_TRUE(list.remove(UINT32_MAX));
  EXPECT_EQ(list.lower_bound(UINT32_MAX), 2u);
  EXPECT_EQ(list.last(), UINT32_MAX - 1);
}

}  // namespace
}  // namespace posthouse::store
