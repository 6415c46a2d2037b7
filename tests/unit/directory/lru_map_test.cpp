#include "directory/lru_map.h"

#include "directory/answer_cache.h"

namespace posthouse::directory {
namespace {

TEST(LruMap, LetsTheLongestUnusedGo) {
  LruMap<int, std::string> map(3);
  map.put(1, "one");
  map.put(2, "two");
  map.put(3, "three");
  ASSERT_NE(map.find(1), nullptr);  // now 2 is the longest unused
  map.put(4, "four");
  EXPECT_EQ(map.find(2), nullptr);
  EXPECT_NE(map.find(1), nullptr);
  EXPECT_NE(map.find(3), nullptr);
  EXPECT_EQ(map.size(), 3u);
}

TEST(LruMap, PutReplacesWithoutGrowing) {
  LruMap<int, std::string> map(2);
  map.put(1, "one");
  map.put(1, "uno");
  EXPECT_EQ(map.size(), 1u);
  EXPECT_EQ(*map.find(1), "uno");
  map.erase(1);
  map.erase(1);
  EXPECT_EQ(map.find(1), nullptr);
}

TEST(LruMap, StaysWithinItsSizeUnderAFlood) {
  LruMap<int, int> map(100);
  for (int i = 0; i < 10'000; ++i) map.put(i, i);
  EXPECT_EQ(map.size(), 100u);
  EXPECT_NE(map.find(9'999), nullptr);
}

TEST(AnswerCache, DropsAnAnswerFromBeforeAChange) {
  AnswerCache<std::string, int> cache(10);
  uint64_t before = cache.generation();
  cache.clear();
  cache.add("old", 1, before);
  EXPECT_FALSE(cache.find("old"));
  cache.add("new", 2, cache.generation());
  EXPECT_EQ(cache.find("new"), 2);
}

}  // namespace
}  // namespace posthouse::directory
