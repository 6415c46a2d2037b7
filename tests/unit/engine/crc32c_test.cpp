// The checksum of RocksDB's logs and blob files.
#include <gtest/gtest.h>

#include "engine/crc32c.h"
#include "engine/rocks_checksum.h"
#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {
namespace {

TEST(Crc32c, FindsTheBitThatChanged) {
  const std::string bytes = "the octets of a letter";
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string changed = bytes;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_EQ(flipped_bit(bytes.size(), crc32c(bytes) ^ crc32c(changed)), bit);
  }
  EXPECT_EQ(flipped_bit(bytes.size(), crc32c(bytes) ^ crc32c("other octets of a line")), std::nullopt);
}

// RFC 3720 appendix B.4.
TEST(Crc32c, KnownValues) {
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
}

// Bit by bit, as the polynomial says; whatever the length, the address and where it was cut.
TEST(Crc32c, IsThePolynomials) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) bytes += static_cast<char>(i * 37 + 11);
  for (size_t from = 0; from < 9; ++from) {
    for (size_t size = 0; from + size <= bytes.size(); ++size) {
      const std::string_view some = std::string_view(bytes).substr(from, size);
      uint32_t wanted = ~0u;
      for (const char c : some) {
        wanted ^= static_cast<unsigned char>(c);
        for (int bit = 0; bit < 8; ++bit) wanted = (wanted >> 1) ^ ((wanted & 1) != 0 ? 0x82f63b78u : 0);
      }
      ASSERT_EQ(crc32c(some), ~wanted) << from << ' ' << size;
      ASSERT_EQ(crc32c(crc32c(some.substr(0, size / 3)), some.substr(size / 3)), ~wanted)
          << from << ' ' << size;
    }
  }
}

#ifdef __x86_64__
TEST(Crc32c, IsWhatRocksDbUses) {
  EXPECT_TRUE(rocks_uses_our_crc32c());
}
#endif

}  // namespace
}  // namespace posthouse::engine
