#include "engine/rocks_block.h"

#include <gtest/gtest.h>

namespace posthouse::engine {
namespace {

std::string with_trailer(std::string contents) {
  const uint32_t checksum = block_checksum(contents, 0);
  contents.push_back('\0');
  for (int i = 0; i < 4; ++i) contents.push_back(static_cast<char>(checksum >> (8 * i)));
  return contents;
}

// How often a block with one wrong bit is left as it is; whenever it is not, it is what it was.
size_t left_alone(const std::string& block) {
  size_t left = 0;
  for (size_t bit = 0; bit < 8 * block.size(); ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto restored = restore_bit(damaged);
    left += !restored;
    EXPECT_EQ(restored.value_or(block), block) << bit;
  }
  return left;
}

TEST(RocksBlock, OneWrongBitIsPutRight) {
  EXPECT_EQ(left_alone(with_trailer("rows and rows and rows")), 0u);
  EXPECT_EQ(left_alone(with_trailer("x")), 0u);
}

// The checksum has 32 bits: two wrong bits can look the same. Found by fuzz/rocks_block_fuzz.cpp.
TEST(RocksBlock, NothingIsPutRightThatCouldBeTwoThings) {
  std::string contents = "\1rocksdb.index.key6is.user.key\1";
  contents += '\0';
  contents += "$\1rocksdb.index.avlu";
  contents.resize(64, '1');
  EXPECT_EQ(left_alone(with_trailer(contents)), 2u);
}

}  // namespace
}  // namespace posthouse::engine
