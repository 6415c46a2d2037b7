#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "base/random.h"
#include "base/secret.h"
#include "support/seeded_random.h"

namespace posthouse {
namespace {

TEST(Random, BelowIsUniformAndInBounds) {
  test::SeededRandom random(7);
  std::array<int, 10> count{};
  for (int i = 0; i < 10'000; ++i) ++count[random.below(10)];
  for (const int n : count) EXPECT_NEAR(n, 1000, 200);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
  for (int i = 0; i < 100; ++i) EXPECT_LT(random.below(UINT64_MAX), UINT64_MAX);
}

TEST(Random, TokensHaveTheirLengthAndAlphabet) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string token = system_random().token(20);
    EXPECT_EQ(token.size(), 20u);
    EXPECT_EQ(token.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789"), std::string::npos);
    seen.insert(token);
  }
  EXPECT_EQ(seen.size(), 100u);
  EXPECT_EQ(system_random().token(0), "");
}

TEST(Random, KernelFillsLargeBuffers) {
  std::vector<unsigned char> bytes(100'000);
  system_random().fill(bytes);
  std::array<int, 256> count{};
  for (const unsigned char byte : bytes) ++count[byte];
  for (const int n : count) EXPECT_GT(n, 200);
}

TEST(Secret, HidesItself) {
  const Secret secret("hunter2");
  EXPECT_EQ(fmt::format("{}", secret), "***");
  EXPECT_EQ(secret.reveal(), "hunter2");
}

TEST(Secret, WipesWhatItLeaves) {
  Secret shorty("hunter2");
  const char* const inside = shorty.reveal().data();  // a short string lives in the object itself
  Secret taken = std::move(shorty);
  EXPECT_EQ(taken.reveal(), "hunter2");
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(inside[i], '\0');

  Secret kept(std::string(100, 'k'));
  const char* const heap = kept.reveal().data();
  kept = Secret("x");  // shorter: the old storage may stay, but not its content
  EXPECT_EQ(kept.reveal(), "x");
  if (kept.reveal().data() == heap) {
    EXPECT_EQ(std::string_view(heap + 1, 98), std::string(98, '\0'));
  }

  Secret copy = kept;
  EXPECT_EQ(copy.reveal(), kept.reveal());
}

TEST(Secret, ComparesInConstantTime) {
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "abcd"));
  EXPECT_TRUE(constant_time_equal("", ""));
}

}  // namespace
}  // namespace posthouse
