// Damaged blob files: a value is lost, the others stay and can be moved.
#include <rocksdb/db.h>

#include "damaged_files.h"
#include "engine/blob.h"
#include "engine/rocks_blob_mend.h"
#include "engine/rocks_block.h"

namespace posthouse::engine {
namespace {

// Garbage collection reads values that nobody asks for.
class DamagedBlobs : public DamagedFiles {
 protected:
  // The key of a record, behind its header.
  static Place key_place(const std::string& path, BlobId id) {
    return {path, read_whole(path).find(row_key(blob_partition(id), "b"))};
  }
  Place blob_place(BlobId id) { return find(blobs_[id].substr(100, 40), ".blob"); }
  // New values for half of the blobs in a newer file.
  void make_garbage() {
    open();
    for (int i = 1; i <= 60; i += 2) write_blob(i);
    close_into_tables();
  }
  std::vector<BlobId> unreadable() {
    std::vector<BlobId> out;
    for (const auto& [id, bytes] : blobs_) {
      const auto row = engine_->get(blob_partition(id), "b");
      if (row && *row && decode_chunk(id, **row) == bytes) continue;
      if (row && *row) {
        EXPECT_EQ(decode_chunk(id, **row).error().kind, FaultKind::corrupt);
      }
      out.push_back(id);
    }
    return out;
  }
  // What a compaction in the background does in its time, and what the committer does when it failed.
  bool collect() {
    const auto database = RocksDatabase::open(options());
    rocksdb::DB& db = (*database)->db();
    rocksdb::CompactRangeOptions range;
    range.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    // A small store has no files that are old enough.
    if (!fs::exists(store_ + "/KEEP-BLOBS")) {
      range.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
      range.blob_garbage_collection_age_cutoff = 1;
    }
    const auto done = db.CompactRange(range, (*database)->chunks(), nullptr, nullptr);
    const auto written = db.Put(rocksdb::WriteOptions(), (*database)->rows(), row_key(account(1), "x"), "y");
    EXPECT_EQ(done.ok(), written.ok());
    if (!done.ok()) {
      EXPECT_TRUE((*database)->note_damage(db.Resume())) << done.ToString();
    }
    return done.ok();
  }
  void spoil_ends(const std::string& path) {
    spoil({path, 3}, "damaged");
    spoil({path, 10}, "damaged");  // how its values are packed
    spoil({path, fs::file_size(path) - 10}, "damaged");
  }
  void stumble_over_garbage() {
    EXPECT_FALSE(collect());
    EXPECT_TRUE(collect());
    open();
    EXPECT_TRUE(writes());
  }
};

// However values are packed.
class PackedBlobs : public DamagedBlobs, public testing::WithParamInterface<Compression> {
 protected:
  PackedBlobs() { packing_ = GetParam(); }
};

TEST_P(PackedBlobs, AValueIsLostAndTheOthersMove) {
  spoil(blob_place(1030), "damaged");
  make_garbage();
  stumble_over_garbage();
  EXPECT_EQ(unreadable(), std::vector<BlobId>{1030});
  EXPECT_FALSE(fs::exists(store_ + "/KEEP-BLOBS"));
  EXPECT_EQ(engine_->damage().size(), 1u);
}

// Whoever reads many at once has those that are sound, and the fault for the one that is not.
TEST_P(PackedBlobs, ManyAtOnceBesideADamagedValue) {
  spoil(blob_place(1030), "damaged");
  open();
  for (const bool with_it : {false, true}) {
    std::vector<RowName> names;
    for (const auto& [id, bytes] : blobs_) {
      if (with_it || id != 1030) names.push_back({blob_partition(id), "b"});
    }
    size_t met = 0;
    const auto done = engine_->get_many(names, [&](size_t i, std::optional<std::string_view> row) {
      const BlobId id = names[i].partition.id;
      EXPECT_EQ(decode_chunk(id, row.value_or("")).value_or(""), blobs_[id]);
      ++met;
      return true;
    });
    EXPECT_EQ(done.has_value(), !with_it);
    EXPECT_EQ(met, with_it ? 29u : 59u);
  }
}

TEST_P(PackedBlobs, ARecordWithoutItsHeader) {
  Place place = blob_place(1030);
  make_garbage();
  place.offset = key_place(place.path, 1030).offset - 30;
  spoil(place, "damaged");
  stumble_over_garbage();
  EXPECT_EQ(unreadable(), std::vector<BlobId>{1030});
  EXPECT_FALSE(fs::exists(store_ + "/KEEP-BLOBS"));
}

TEST_P(PackedBlobs, OneWrongBitIsPutRight) {
  const Place value = blob_place(1030);
  make_garbage();
  flip(value);
  flip(key_place(value.path, 1020));
  Place header = key_place(value.path, 1040);
  header.offset -= 24;  // the size of the value
  flip(header);
  Place checksum = key_place(value.path, 1050);
  checksum.offset -= 1;
  flip(checksum);
  stumble_over_garbage();
  EXPECT_TRUE(unreadable().empty());
  EXPECT_EQ(engine_->damage().size(), 1u);
}

TEST_P(PackedBlobs, HeaderAndFooterOfAFileLoseNothing) {
  const Place place = blob_place(1030);
  spoil_ends(place.path);
  open();
  EXPECT_TRUE(unreadable().empty());
  engine_.reset();
  make_garbage();
  EXPECT_TRUE(collect());
  open();
  EXPECT_TRUE(unreadable().empty());
}

TEST_P(PackedBlobs, HeaderAndFooterAreMendedBesideAValue) {
  const Place place = blob_place(1030);
  spoil_ends(place.path);
  spoil(place, "damaged");
  make_garbage();
  stumble_over_garbage();
  EXPECT_EQ(unreadable(), std::vector<BlobId>{1030});
  EXPECT_FALSE(fs::exists(store_ + "/KEEP-BLOBS"));
}

// What lies before the cut can be read, by the server and by those who only look.
TEST_P(PackedBlobs, WhatCannotBeMendedStaysWhereItIs) {
  const Place place = blob_place(1030);
  make_garbage();
  fs::resize_file(place.path, place.offset + 100);
  std::vector<BlobId> gone;
  for (BlobId id = 1030; id <= 1060; id += 2) gone.push_back(id);  // the others are in the second file
  RocksOptions looking = options();
  looking.read_only = true;
  engine_ = std::move(*open_rocks_engine(looking));
  EXPECT_EQ(unreadable(), gone);
  engine_.reset();
  stumble_over_garbage();
  EXPECT_TRUE(fs::exists(store_ + "/KEEP-BLOBS"));
  EXPECT_EQ(unreadable(), gone);
}

TEST_P(PackedBlobs, AMissingFileStopsNoWrites) {
  const Place place = blob_place(1030);
  make_garbage();
  fs::remove(place.path);
  stumble_over_garbage();
  EXPECT_EQ(unreadable().size(), 30u);
}

INSTANTIATE_TEST_SUITE_P(DamagedFiles, PackedBlobs,
                         testing::Values(Compression::none, Compression::lz4, Compression::zstd));

// Anything, anywhere in the tables and blob files: after at most some starts all works, and what is there is
// as it was.
class AnyDamage : public DamagedBlobs, public testing::WithParamInterface<int> {
 protected:
  AnyDamage() { packing_ = static_cast<Compression>(GetParam() % 3); }

  test::SeededRandom chance_{static_cast<uint64_t>(GetParam())};

  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(store_)) {
      const std::string extension = entry.path().extension().string();
      if (extension == ".sst" || extension == ".blob") out.push_back(entry.path().string());
    }
    std::ranges::sort(out);
    return out;
  }
  void damage_anything() {
    const std::vector<std::string> all = files();
    const std::string path = all[chance_.below(all.size())];
    const uint64_t size = fs::file_size(path);
    const uint64_t at = chance_.below(size);
    const uint64_t length = std::min(size - at, 1 + chance_.below(chance_.below(2) == 0 ? 4 : 9000));
    if (chance_.below(8) == 0) {
      fs::resize_file(path, at);
    } else {
      spoil({path, at}, random_bytes(length));
    }
  }
  bool works() {
    if (!collect()) return false;
    open();
    const bool compacted = loop_.run(engine_->reclaim_space()).has_value();
    const bool written = writes();  // who writes meets what stopped the compaction
    EXPECT_EQ(written, compacted);
    if (!written) engine_.reset();
    return written;
  }
};

TEST_P(AnyDamage, IsGoneAfterSomeStarts) {
  const auto old = blobs_;
  make_garbage();
  for (int i = 0; i < 3; ++i) damage_anything();
  int starts = 1;
  while (!works() && starts < 10) ++starts;
  ASSERT_LT(starts, 10);
  for (const int row : missing()) {
    const auto lost = engine_->lost();
    EXPECT_TRUE(contains(lost, account(row))) << row;
  }
  for (const auto& [id, bytes] : blobs_) {
    const auto row = engine_->get(blob_partition(id), "b");
    if (!row || !*row) continue;
    const auto chunk = decode_chunk(id, **row);
    EXPECT_TRUE(!chunk || *chunk == bytes || *chunk == old.at(id)) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(DamagedFiles, AnyDamage, testing::Range(1, 13));

TEST(EmptyValue, HasEverySize) {
  for (size_t size = 5; size < 3000; ++size) {
    EXPECT_EQ(empty_value(size, 0).size(), size);
    EXPECT_EQ(empty_value(size, 4).size(), size) << size;
  }
  EXPECT_EQ(empty_value(140'000, 4).size(), 140'000u);
  EXPECT_EQ(empty_value(100, 1), "");
}

// What zstd itself reads as zeros.
TEST(EmptyValue, HasEverySizeOfZstd) {
  std::vector<size_t> sizes;
  for (size_t size = 18; size < 3000; ++size) sizes.push_back(size);
  for (size_t size = 131'000; size < 131'200; ++size) sizes.push_back(size);
  for (const size_t size : sizes) {
    const std::string value = empty_value(size, 7);
    ASSERT_EQ(value.size(), size);
    size_t zeros = 0;
    for (size_t i = 0; i < 5; ++i) zeros |= size_t{static_cast<unsigned char>(value[i]) & 0x7fu} << (7 * i);
    ASSERT_EQ(unpack_zstd(std::string_view(value).substr(5), zeros), std::string(zeros, '\0')) << size;
  }
  EXPECT_EQ(empty_value(17, 7), "");
}

}  // namespace
}  // namespace posthouse::engine
