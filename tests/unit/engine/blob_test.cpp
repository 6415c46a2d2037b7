#include "engine/blob.h"

#include <gtest/gtest.h>

#include "engine/blob_format.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

class BlobTest : public testing::TestWithParam<const char*> {
 protected:
  static std::string letters(size_t size) {
    std::string text;
    for (size_t i = 0; i < size; ++i) text.push_back(static_cast<char>('a' + (i * 7 + i / 251) % 26));
    return text;
  }
  void write(BlobWriter& writer, std::string_view bytes, size_t piece) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(loop_.run(writer.append(bytes.substr(at, piece))));
    }
  }
  Result<void> transact(std::vector<Step> steps) { return loop_.run(engine_->transact(std::move(steps))); }
  void store(BlobId id, std::string_view bytes, std::vector<std::string> references, size_t piece = 50000) {
    BlobWriter writer(*engine_, id);
    write(writer, bytes, piece);
    EXPECT_EQ(writer.size(), bytes.size());
    ASSERT_TRUE(transact({writer.seal(std::move(references))}));
  }
  size_t rows_of(BlobId id) {
    size_t count = 0;
    EXPECT_TRUE(engine_->scan(blob_partition(id), "", "", [&](std::string_view, std::string_view) {
      ++count;
      return true;
    }));
    return count;
  }
  size_t sweep(bool at_start, size_t most = 1000) {
    const auto swept = loop_.run(sweep_blobs(*engine_, at_start, most));
    EXPECT_TRUE(swept);
    return swept.value_or(0);
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = make_engine(GetParam(), dir_);
  test::ManualExecutor loop_;
};

TEST_P(BlobTest, ReadsBackEveryRange) {
  BlobId id = 1;
  for (const size_t size : {size_t{0}, size_t{1}, size_t{5000}, kBlobChunk - 1, kBlobChunk, kBlobChunk + 1,
                            2 * kBlobChunk, 3 * kBlobChunk + 17}) {
    const std::string bytes = letters(size);
    store(++id, bytes, {"a1.1"});
    EXPECT_EQ(blob_size(*engine_, id).value_or(99), size);
    EXPECT_EQ(read_blob(*engine_, id, 0, UINT64_MAX).value_or("?"), bytes);
    EXPECT_EQ(loop_.run(fetch_blob(*engine_, id, 0, size)).value_or("?"), bytes);
    for (const size_t offset : {size_t{0}, size_t{1}, size / 2, size, size + 1, kBlobChunk - 1, kBlobChunk}) {
      for (const size_t length : {size_t{0}, size_t{1}, size_t{100}, kBlobChunk, size}) {
        const std::string expected = offset >= size ? "" : bytes.substr(offset, length);
        EXPECT_EQ(read_blob(*engine_, id, offset, length).value_or("?"), expected) << size << " " << offset;
        EXPECT_EQ(loop_.run(fetch_blob(*engine_, id, offset, length)).value_or("?"), expected);
      }
    }
    EXPECT_TRUE(check_blob(*engine_, id));
  }
}

TEST_P(BlobTest, ManyAreReadUntilOneIsMissing) {
  std::vector<BlobUse> all;
  std::vector<std::string> bytes;
  for (BlobId id = 1; id <= 5; ++id) {
    bytes.push_back(letters(id == 3 ? 2 * kBlobChunk + 5 : id * 100));
    store(id, bytes.back(), {"mine"});
    all.push_back({id, "mine"});
  }
  const auto read = [&](uint64_t most) { return read_blobs(*engine_, all, most); };
  const auto whole = read(UINT64_MAX);
  ASSERT_EQ(whole.size(), 5u);
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(whole[i].value_or("?"), bytes[i]) << i;
  EXPECT_EQ(read(300).size(), 3u);  // behind the first that is too much
  EXPECT_EQ(read(299).size(), 2u);
  all[1].reference = "another's";
  ASSERT_EQ(read(UINT64_MAX).size(), 2u);
  EXPECT_EQ(read(UINT64_MAX)[0].value_or("?"), bytes[0]);
  EXPECT_EQ(read(UINT64_MAX)[1].error().kind, FaultKind::not_found);
  all[1] = {99, "mine"};
  EXPECT_EQ(read(UINT64_MAX).back().error().kind, FaultKind::not_found);
  ASSERT_TRUE(transact({Step{blob_partition(4), [](Transaction& rows) -> Result<void> {
                               rows.put(kHeadKey, "no head");
                               return {};
                             }}}));
  all[1] = {2, "mine"};
  ASSERT_EQ(read(UINT64_MAX).size(), 4u);
  EXPECT_EQ(read(UINT64_MAX)[3].error().kind, FaultKind::corrupt);
}

TEST_P(BlobTest, PiecesMayHaveAnySize) {
  const std::string bytes = letters(kBlobChunk + 300);
  store(1, bytes, {"x"}, 997);
  store(2, bytes, {"x"}, bytes.size());
  EXPECT_EQ(read_blob(*engine_, 1, 0, UINT64_MAX).value_or("?"), bytes);
  EXPECT_EQ(read_blob(*engine_, 2, 0, UINT64_MAX).value_or("?"), bytes);
}

TEST_P(BlobTest, BytesElsewhereHaveTheSameChecksum) {
  BlobId id = 1;
  for (const size_t size : {size_t{0}, size_t{1}, kBlobChunk - 1, kBlobChunk, kBlobChunk + 1, 2 * kBlobChunk,
                            3 * kBlobChunk + 17}) {
    const std::string bytes = letters(size);
    store(++id, bytes, {"a1.1"});
    for (const size_t piece : {size_t{1000}, kBlobChunk, size_t{500'000}}) {
      BlobChecksum checksum;
      for (size_t at = 0; at < size; at += piece) checksum.feed(std::string_view(bytes).substr(at, piece));
      EXPECT_EQ(checksum.value(), blob_checksum(*engine_, id).value_or(0)) << size << " in " << piece;
    }
  }
}

TEST_P(BlobTest, ASmallBlobIsTwoRows) {
  store(1, letters(4096), {"a1.1"});
  EXPECT_EQ(rows_of(1), 2u);
}

TEST_P(BlobTest, LivesUntilTheLastReferenceIsDropped) {
  store(1, letters(10), {"a", "b"});
  ASSERT_TRUE(transact({drop_reference(1, "a", std::nullopt)}));
  EXPECT_EQ(sweep(false), 0u);
  ASSERT_TRUE(transact({add_reference(1, "c")}));
  EXPECT_EQ(blob_references(*engine_, 1).value(), (std::vector<std::string>{"b", "c"}));
  ASSERT_TRUE(transact({drop_reference(1, "b", std::nullopt), drop_reference(1, "c", std::nullopt)}));
  EXPECT_EQ(read_blob(*engine_, 1, 0, 1).value_or("?"), "a");  // until the sweep
  EXPECT_EQ(sweep(false), 1u);
  EXPECT_EQ(rows_of(1), 0u);
  EXPECT_EQ(read_blob(*engine_, 1, 0, 1).error().kind, FaultKind::not_found);
  EXPECT_EQ(sweep(false), 0u);
}

TEST_P(BlobTest, ASmallOneOfKnownSizeNeedsNoSweep) {
  for (const size_t size : {size_t{0}, size_t{10}, kBlobChunk}) {
    store(1, letters(size), {"a", "b"});
    ASSERT_TRUE(transact({drop_reference(1, "a", size)}));
    EXPECT_EQ(rows_of(1), 2u);
    ASSERT_TRUE(transact({drop_reference(1, "b", size)}));
    EXPECT_EQ(rows_of(1), 0u);
    const auto late = transact({add_reference(1, "c")});
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, FaultKind::not_found);
    EXPECT_EQ(sweep(false), 0u);
  }
}

TEST_P(BlobTest, OneOfMoreThanAChunkIsSwept) {
  store(1, letters(kBlobChunk + 1), {"a"});
  ASSERT_TRUE(transact({drop_reference(1, "a", kBlobChunk + 1)}));
  EXPECT_EQ(rows_of(1), 3u);
  EXPECT_EQ(sweep(false), 1u);
  EXPECT_EQ(rows_of(1), 0u);
}

TEST_P(BlobTest, AReferenceThatCameBackSavesIt) {
  store(1, letters(10), {"a"});
  // Dropped and added in one transaction, as a move between accounts does it.
  ASSERT_TRUE(transact({add_reference(1, "b"), drop_reference(1, "a", std::nullopt)}));
  EXPECT_EQ(sweep(false), 0u);
  ASSERT_TRUE(transact({drop_reference(1, "a", std::nullopt)}));  // not there: nothing happens
  EXPECT_EQ(sweep(false), 0u);
  EXPECT_EQ(rows_of(1), 2u);
}

TEST_P(BlobTest, OneThatIsThoughtToBeThereNeedNotBe) {
  store(1, letters(10), {"a", "b"});
  ASSERT_TRUE(transact({add_reference_beside(1, "b", "c"), add_reference_beside(1, "never", "d")}));
  EXPECT_EQ(blob_references(*engine_, 1).value(), (std::vector<std::string>{"a", "b", "c", "d"}));
  for (const char* reference : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(transact({drop_reference(1, reference, std::nullopt)}));
  }
  const auto late = transact({add_reference_beside(1, "b", "e")});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FaultKind::not_found);
}

TEST_P(BlobTest, NothingCanReferToABlobThatIsGoing) {
  store(1, letters(10), {"a"});
  ASSERT_TRUE(transact({drop_reference(1, "a", std::nullopt)}));
  const auto late = transact({add_reference(1, "b")});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FaultKind::not_found);
}

TEST_P(BlobTest, ABigBlobGoesWhole) {
  store(1, letters(3 * kBlobChunk), {"a"});
  EXPECT_EQ(rows_of(1), 5u);
  EXPECT_EQ(sweep(false), 0u);  // its writer went: that alone is no reason
  ASSERT_TRUE(transact({drop_reference(1, "a", std::nullopt)}));
  EXPECT_EQ(sweep(false), 1u);
  EXPECT_EQ(rows_of(1), 0u);
}

TEST_P(BlobTest, AnAbandonedWriterIsSweptAfter) {
  {
    BlobWriter writer(*engine_, 1);
    write(writer, letters(2 * kBlobChunk + 1), 60000);
    EXPECT_EQ(rows_of(1), 2u);
    EXPECT_EQ(sweep(false), 0u);  // still at work
    EXPECT_EQ(rows_of(1), 2u);
  }
  ASSERT_TRUE(transact({}));  // behind the hint that the writer left
  EXPECT_EQ(sweep(false), 1u);
  EXPECT_EQ(rows_of(1), 0u);
}

TEST_P(BlobTest, SweepStopsAtItsLimitAndGoesOn) {
  for (BlobId id = 1; id <= 200; ++id) {
    store(id, "x", {"a"});
    ASSERT_TRUE(transact({drop_reference(id, "a", std::nullopt)}));
  }
  size_t total = 0;
  for (size_t went = sweep(false, 50); went > 0; went = sweep(false, 50)) total += went;
  EXPECT_EQ(total, 200u);
}

TEST_P(BlobTest, ADamagedChunkIsFoundAndTheOthersAreRead) {
  const std::string bytes = letters(3 * kBlobChunk);
  store(1, bytes, {"a"});
  const Step damage{blob_partition(1), [](Transaction& rows) -> Result<void> {
                      std::string row = **rows.get(chunk_key(1));
                      row[100] = static_cast<char>(row[100] ^ 1);
                      rows.put(chunk_key(1), row);
                      return {};
                    }};
  ASSERT_TRUE(transact({damage}));
  EXPECT_EQ(read_blob(*engine_, 1, 0, kBlobChunk).value_or("?"), bytes.substr(0, kBlobChunk));
  EXPECT_EQ(read_blob(*engine_, 1, 0, kBlobChunk + 1).error().kind, FaultKind::corrupt);
  EXPECT_EQ(check_blob(*engine_, 1).error().kind, FaultKind::corrupt);
}

INSTANTIATE_TEST_SUITE_P(Engines, BlobTest, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

TEST(BlobCrash, WhatACrashLeftIsSweptAtStart) {
  const TempDir dir;
  test::ManualExecutor loop;
  auto writer_engine = open_small(dir.path());
  auto writer = std::make_unique<BlobWriter>(*writer_engine, 1);
  ASSERT_TRUE(loop.run(writer->append(std::string(2 * kBlobChunk + 1, 'x'))));
  // Another program's view of the files as they are now: what a crash would leave.
  const TempDir copy;
  std::filesystem::copy(
      dir.path(), copy.path(),
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  const auto engine = open_small(copy.path());
  EXPECT_EQ(loop.run(sweep_blobs(*engine, false)).value(), 0u);
  EXPECT_EQ(loop.run(sweep_blobs(*engine, true)).value(), 1u);
  EXPECT_EQ(loop.run(sweep_blobs(*engine, true)).value(), 0u);
  writer.reset();
}

}  // namespace
}  // namespace posthouse::engine
