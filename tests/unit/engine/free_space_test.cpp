#include "engine/free_space.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/fake_clock.h"

namespace posthouse::engine {
namespace {

TEST(FreeSpace, WhatIsWrittenWithinASecondCounts) {
  test::FakeClock clock;
  FreeSpace space(std::filesystem::temp_directory_path(), 0, clock);
  const uint64_t before = space.usable();
  ASSERT_GT(before, 1000u);
  space.spend(600);
  EXPECT_EQ(space.usable(), before - 600);
  space.spend(before);
  EXPECT_EQ(space.usable(), 0u);
  clock.advance(milliseconds(1000));  // the disk is asked again
  EXPECT_GT(space.usable(), 0u);
}

TEST(FreeSpace, TheReserveIsNotThere) {
  const FreeSpace space(std::filesystem::temp_directory_path(), UINT64_MAX);
  EXPECT_EQ(space.usable(), 0u);
}

}  // namespace
}  // namespace posthouse::engine
