// Sets of UIDs by runs, beside those of the library.
#include "access/imap/uid_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>
#include <set>

namespace posthouse::access::imap {
namespace {

using Set = std::set<store::Uid>;

store::UidList list_of(const Set& set) {
  store::UidList out;
  for (const store::Uid uid : set) out.append(uid);
  return out;
}

Set set_of(const store::UidList& list) {
  const std::vector<store::Uid> all = all_of(list);
  return {all.begin(), all.end()};
}

TEST(UidSets, AreThoseOfTheLibrary) {
  std::mt19937 dice(7);
  for (int round = 0; round < 300; round++) {
    Set a, b;
    for (Set* set : {&a, &b}) {
      for (size_t left = dice() % 12; left > 0; left--) set->insert(1 + dice() % 16);
      if (dice() % 8 == 0) set->insert(UINT32_MAX);
    }
    Set only_a, both, either;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(only_a, only_a.end()));
    std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::inserter(both, both.end()));
    std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::inserter(either, either.end()));
    EXPECT_EQ(set_of(difference(list_of(a), list_of(b))), only_a);
    EXPECT_EQ(set_of(common(list_of(a), list_of(b))), both);
    EXPECT_EQ(set_of(together(list_of(a), list_of(b))), either);
    EXPECT_EQ(same(list_of(a), list_of(b)), a == b);
    EXPECT_TRUE(same(together(list_of(a), list_of(b)), list_of(either)));
  }
}

}  // namespace
}  // namespace posthouse::access::imap
