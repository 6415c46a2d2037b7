#include "engine/record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace posthouse::engine {
namespace {

TEST(Record, ReadsBackWhatWasWritten) {
  const std::string record =
      RecordWriter(3).u8(7).varint(300).bytes("hello").bytes("").varint(UINT64_MAX).finish();
  RecordReader reader(record, 3);
  EXPECT_EQ(reader.version(), 3);
  EXPECT_EQ(reader.u8(), 7);
  EXPECT_EQ(reader.varint(), 300u);
  EXPECT_EQ(reader.bytes(), "hello");
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.at_end());
  EXPECT_EQ(reader.varint(), UINT64_MAX);
  EXPECT_TRUE(reader.at_end());
  EXPECT_TRUE(reader.ok());
}

TEST(Record, NeedsNothingButAVersion) {
  RecordReader reader(RecordWriter(1).finish(), 1);
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
}

TEST(Record, RefusesEveryFlippedBit) {
  const std::string good = RecordWriter(1).varint(77).bytes("some bytes").finish();
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    RecordReader reader(bad, 1);
    EXPECT_FALSE(reader.ok()) << bit;
    EXPECT_EQ(reader.varint(), 0u);
    EXPECT_EQ(reader.bytes(), "");
    EXPECT_EQ(reader.fault("row").kind, FaultKind::corrupt);
  }
}

TEST(Record, RefusesEveryCut) {
  const std::string good = RecordWriter(1).varint(77).bytes("some bytes").finish();
  for (size_t size = 0; size < good.size(); ++size) {
    RecordReader reader(std::string_view(good).substr(0, size), 1);
    EXPECT_FALSE(reader.ok()) << size;
  }
}

TEST(Record, RefusesANewerVersionAndSaysSo) {
  const std::string record = RecordWriter(2).finish();
  RecordReader reader(record, 1);
  EXPECT_FALSE(reader.ok());
  EXPECT_NE(reader.fault("row").what.find("unknown version"), std::string::npos);
}

TEST(Record, FieldsBeyondTheEndAreEmpty) {
  const std::string record = RecordWriter(1).u8(1).finish();
  RecordReader reader(record, 1);
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.varint(), 0u);
}

TEST(Record, RefusesALengthBeyondTheEnd) {
  const std::string record = RecordWriter(1).varint(1000).u8('x').finish();
  RecordReader reader(record, 1);
  EXPECT_EQ(reader.bytes(), "");
  EXPECT_FALSE(reader.ok());
}

TEST(Record, RefusesANumberThatNeverEnds) {
  RecordWriter writer(1);
  for (int i = 0; i < 20; ++i) writer.u8(0xff);
  const std::string record = writer.finish();
  RecordReader reader(record, 1);
  EXPECT_EQ(reader.varint(), 0u);
  EXPECT_FALSE(reader.ok());
}

RC_GTEST_PROP(Record, RoundTrips, (uint64_t a, std::string b, uint8_t c)) {
  const std::string record = RecordWriter(9).varint(a).bytes(b).u8(c).finish();
  RecordReader reader(record, 9);
  RC_ASSERT(reader.varint() == a);
  RC_ASSERT(reader.bytes() == b);
  RC_ASSERT(reader.u8() == c);
  RC_ASSERT(reader.ok() && reader.at_end());
}

RC_GTEST_PROP(RecordKeys, SortAsNumbers, (uint64_t a, uint64_t b)) {
  std::string ka, kb;
  append_key_u64(ka, a);
  append_key_u64(kb, b);
  RC_ASSERT((a < b) == (ka < kb));
  RC_ASSERT(read_key_u64(ka) == a);
  std::string small;
  append_key_u32(small, static_cast<uint32_t>(a));
  RC_ASSERT(read_key_u32(small) == static_cast<uint32_t>(a));
}

}  // namespace
}  // namespace posthouse::engine
