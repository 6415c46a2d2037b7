// Damaged tables and blob files: whoever meets them is refused, the next start mends them, and only what was
// in the damaged place is gone.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <rocksdb/db.h>

#include "engine/blob.h"
#include "engine/blob_format.h"
#include "engine/crc32c.h"
#include "engine/record.h"
#include "engine/rocks_blob_mend.h"
#include "engine/rocks_block.h"
#include "engine/rocks_checksum.h"
#include "engine/rocks_database.h"
#include "engine/rocks_table_layout.h"
#include "engine/snapshots.h"
#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {
namespace {

namespace fs = std::filesystem;

constexpr int kRows = 400;  // some ten blocks

Step put(Partition partition, std::string key, std::string value) {
  return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

Partition account(int i) {
  return {PartitionKind::account, static_cast<uint64_t>(i)};
}

class DamagedFiles : public testing::Test {
 protected:
  void SetUp() override {
    open();
    for (int i = 1; i <= kRows; ++i) rows_[i] = random_bytes(200);
    write_rows();
    for (int i = 1; i <= 60; ++i) write_blob(i);
    close_into_tables();
  }

  RocksOptions options() const {
    RocksOptions out = small_options(store_);
    out.compression = packing_;
    return out;
  }
  std::string random_bytes(size_t size) {
    std::string bytes(size, '\0');
    random_.fill({reinterpret_cast<unsigned char*>(bytes.data()), size});
    return bytes;
  }
  void open() {
    auto opened = open_rocks_engine(options());
    ASSERT_TRUE(opened) << opened.error().what;
    engine_ = std::move(*opened);
    engine_->when_broken([this](const Fault&) { ++broken_; });
  }
  void write_rows() {
    std::vector<Step> steps;
    for (const auto& [i, bytes] : rows_) steps.push_back(put(account(i), "r", bytes));
    ASSERT_TRUE(loop_.run(engine_->transact(std::move(steps))));
  }
  void write_blob(int i) {
    const BlobId id = 1000 + static_cast<BlobId>(i);
    blobs_[id] = random_bytes(5000);
    ASSERT_TRUE(loop_.run(engine_->transact({put(blob_partition(id), "b", chunk_record(blobs_[id]))})));
  }
  // A start writes what is in the log into tables; the second one finds them closed.
  void close_into_tables() {
    engine_.reset();
    open();
    engine_.reset();
  }
  bool writes() { return loop_.run(engine_->transact({put(account(9999), "r", "x")})).has_value(); }

  // The running store meets the damage, says so, and the next start has mended it.
  void stumble_and_start_again() {
    open();
    EXPECT_FALSE(loop_.run(engine_->reclaim_space()));
    EXPECT_FALSE(writes());
    EXPECT_EQ(broken_, 1);
    engine_.reset();
    open();
    EXPECT_TRUE(writes());
    const auto compacted = loop_.run(engine_->reclaim_space());
    EXPECT_TRUE(compacted) << compacted.error().what;
    EXPECT_TRUE(writes());
  }
  std::vector<int> missing() {
    std::vector<int> out;
    for (const auto& [i, bytes] : rows_) {
      const auto row = engine_->get(account(i), "r");
      EXPECT_TRUE(row) << i;
      if (row && *row != bytes) out.push_back(i);
      if (row && *row) {
        EXPECT_EQ(**row, bytes);
      }
    }
    return out;
  }
  void expect_lost_are(const std::vector<int>& gone) {
    const auto lost = engine_->lost();
    for (const auto& [i, bytes] : rows_) {
      const bool told = std::ranges::any_of(lost, [&](const auto& r) { return r.contains(account(i)); });
      const bool is_gone = std::ranges::find(gone, i) != gone.end();
      const bool beside =
          std::ranges::find(gone, i + 1) != gone.end() || std::ranges::find(gone, i - 1) != gone.end();
      EXPECT_TRUE(told || !is_gone) << i;
      EXPECT_TRUE(is_gone || beside || !told) << i;
    }
  }

  // Where these bytes are: in one file only.
  struct Place {
    std::string path;
    uint64_t offset = 0;
  };
  Place find(const std::string& bytes, const std::string& extension) {
    for (const auto& entry : fs::directory_iterator(store_)) {
      if (entry.path().extension() != extension) continue;
      const size_t at = read_whole(entry.path().string()).find(bytes);
      if (at != std::string::npos) return {entry.path().string(), at};
    }
    ADD_FAILURE() << "not found";
    return {};
  }
  Place row_place(int i) { return find(rows_[i].substr(60, 40), ".sst"); }
  static void spoil(const Place& place, const std::string& with) {
    std::fstream file(place.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(place.offset));
    file << with;
  }
  static void flip(const Place& place) {
    const char now = static_cast<char>(read_whole(place.path)[place.offset] ^ 4);
    spoil(place, std::string(1, now));
  }
  std::vector<std::string> kept() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(store_ + ".damaged")) {
      if (entry.is_regular_file()) out.push_back(entry.path().filename().string());
    }
    return out;
  }
  static TableLayout layout(const std::string& path) {
    const auto file = PatchFile::open(path);
    return read_layout(*file).value();
  }

  const TempDir dir_;
  Compression packing_ = Compression::lz4;
  const std::string store_ = dir_.path() + "/store";
  test::ManualExecutor loop_;
  std::unique_ptr<Engine> engine_;
  test::SeededRandom random_{11};
  std::map<int, std::string> rows_;
  std::map<BlobId, std::string> blobs_;
  int broken_ = 0;
};

TEST_F(DamagedFiles, ABlockIsTakenOutAndAllOthersStay) {
  spoil(row_place(200), "damaged");
  stumble_and_start_again();
  const std::vector<int> gone = missing();
  EXPECT_GT(gone.size(), 10u);
  EXPECT_LT(gone.size(), 60u);
  EXPECT_EQ(gone.back() - gone.front() + 1, static_cast<int>(gone.size()));
  expect_lost_are(gone);
  ASSERT_EQ(engine_->damage().size(), 1u);
  EXPECT_NE(engine_->damage()[0].what.find("1 blocks"), std::string::npos) << engine_->damage()[0].what;
  EXPECT_EQ(kept().size(), 2u);  // the block, and what it is
  // What was lost stays told until it is settled; the damage itself does not come back.
  engine_.reset();
  open();
  expect_lost_are(gone);
  engine_->forget_lost();
  EXPECT_TRUE(engine_->lost().empty());
  write_rows();
  EXPECT_TRUE(missing().empty());
}

TEST_F(DamagedFiles, SeveralBlocksOfOneTable) {
  spoil(row_place(1), "damaged");
  spoil(row_place(100), "damaged");
  spoil(row_place(140), "damaged");
  spoil(row_place(300), "damaged");
  stumble_and_start_again();
  const std::vector<int> gone = missing();
  for (const int row : {1, 100, 140, 300}) EXPECT_NE(std::ranges::find(gone, row), gone.end()) << row;
  EXPECT_LT(gone.size(), 200u);
  expect_lost_are(gone);
}

// It is read when the store is opened.
TEST_F(DamagedFiles, TheLastBlockWithTheRowOfTheFormat) {
  spoil(row_place(kRows), "damaged");
  for (int start = 0; start < 2; ++start) {
    open();
    EXPECT_TRUE(writes());
    const std::vector<int> gone = missing();
    ASSERT_FALSE(gone.empty());
    EXPECT_EQ(gone.back(), kRows);
    expect_lost_are(gone);
    EXPECT_TRUE(loop_.run(engine_->reclaim_space()));
    engine_.reset();
  }
}

TEST_F(DamagedFiles, AWholeStretchOfTheDisk) {
  const Place from = row_place(150);
  spoil(from, std::string(40'000, '\0'));
  stumble_and_start_again();
  const std::vector<int> gone = missing();
  EXPECT_GT(gone.size(), 150u);
  EXPECT_LT(gone.size(), 320u);
  expect_lost_are(gone);
}

TEST_F(DamagedFiles, OneWrongBitIsPutRight) {
  flip(row_place(200));
  stumble_and_start_again();
  EXPECT_TRUE(missing().empty());
  EXPECT_TRUE(engine_->lost().empty());
  ASSERT_EQ(engine_->damage().size(), 1u);
  EXPECT_NE(engine_->damage()[0].what.find("nothing is lost"), std::string::npos);
}

// Of any block: also of those that the table can't be opened without.
TEST_F(DamagedFiles, OneWrongBitOfTheOtherBlocks) {
  const Place rows = row_place(200);
  const TableLayout blocks = layout(rows.path);
  for (const BlockHandle& block : {blocks.index, *blocks.properties, blocks.metaindex, *blocks.filter}) {
    flip({rows.path, block.offset + block.size / 2});
    open();
    EXPECT_TRUE(missing().empty()) << block.offset;
    EXPECT_TRUE(writes());
    EXPECT_TRUE(engine_->lost().empty());
    engine_.reset();
  }
}

TEST_F(DamagedFiles, ATableWithoutItsIndexIsSetAside) {
  const Place rows = row_place(200);
  spoil({rows.path, layout(rows.path).index.offset + 20}, "damaged");
  open();
  EXPECT_TRUE(writes());
  EXPECT_EQ(missing().size(), rows_.size());
  for (const auto& [i, bytes] : rows_) EXPECT_TRUE(engine_->lost().at(0).contains(account(i)));
  EXPECT_EQ(engine_->get(account(1), "r").value(), std::nullopt);
  EXPECT_TRUE(loop_.run(engine_->reclaim_space()));
  EXPECT_TRUE(writes());
  const auto names = kept();
  EXPECT_NE(std::ranges::find(names, fs::path(rows.path).filename().string()), names.end());
}

// The footer follows from the blocks before it.
TEST_F(DamagedFiles, ATableWithADamagedEndLosesNothing) {
  const std::string path = row_place(200).path;
  const std::string whole = read_whole(path);
  const size_t footer = whole.size() - kTableFooter;
  std::vector<std::string> damaged;
  for (const size_t cut : {1, 7, 20, 53}) damaged.push_back(whole.substr(0, whole.size() - cut));
  damaged.push_back(whole + "more");
  damaged.push_back(whole + std::string(100'000, '\0'));
  for (size_t at = footer; at < whole.size(); at += 3) {
    damaged.push_back(whole);
    damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 1);
  }
  damaged.push_back(whole.substr(0, footer) + std::string(kTableFooter, 'x'));
  for (const std::string& bytes : damaged) {
    SCOPED_TRACE(bytes.size());
    std::ofstream(path, std::ios::binary) << bytes;
    ASSERT_TRUE(DamageNotes(store_).suspect(fs::path(path).filename().string()));
    open();
    EXPECT_TRUE(missing().empty());
    EXPECT_TRUE(engine_->lost().empty());
    EXPECT_FALSE(engine_->has_lost_rows());
    engine_.reset();
    EXPECT_EQ(read_whole(path), whole);
    fs::remove_all(store_ + ".damaged");
  }
}

TEST_F(DamagedFiles, ATableIsReadThroughForWhoeverChecks) {
  open();
  EXPECT_TRUE(loop_.run(engine_->damaged_tables())->empty());
  engine_.reset();
  const std::string path = row_place(200).path;
  spoil({path, layout(path).filter->offset + 3}, "x");  // nobody would stumble over it
  open();
  const auto found = *loop_.run(engine_->damaged_tables());
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].find(fs::path(path).filename().string()), std::string::npos);
  engine_.reset();
  open();  // which mends it
  EXPECT_TRUE(loop_.run(engine_->damaged_tables())->empty());
  EXPECT_TRUE(missing().empty());
  EXPECT_FALSE(engine_->has_lost_rows());
}

TEST_F(DamagedFiles, AMendingThatWasInterruptedIsNoDamagedLog) {
  fs::create_directories(store_ + ".damaged/2026-01-01T000000Z-tables");
  open();
  ASSERT_EQ(engine_->damage().size(), 1u);
  EXPECT_NE(engine_->damage()[0].what.find("damaged tables were being mended"), std::string::npos);
}

TEST_F(DamagedFiles, ATableThatCannotBeOpenedIsReplaced) {
  enum class Harm { cut, empty, gone, properties };
  for (const Harm harm : {Harm::cut, Harm::empty, Harm::gone, Harm::properties}) {
    SCOPED_TRACE(static_cast<int>(harm));
    const std::string path = row_place(200).path;
    const uint64_t size = fs::file_size(path);
    if (harm == Harm::cut) fs::resize_file(path, size / 2);
    if (harm == Harm::empty) fs::resize_file(path, 0);
    if (harm == Harm::gone) fs::remove(path);
    if (harm == Harm::properties) spoil({path, layout(path).properties->offset + 30}, "damaged");
    open();
    EXPECT_EQ(missing().size(), rows_.size());
    EXPECT_TRUE(writes());
    ASSERT_FALSE(engine_->lost().empty());
    EXPECT_FALSE(engine_->damage().empty());
    for (const auto& [id, bytes] : blobs_) EXPECT_TRUE(engine_->get(blob_partition(id), "b").value());
    engine_.reset();
    open();  // and again with the table that stands for it
    EXPECT_TRUE(loop_.run(engine_->reclaim_space()));
    write_rows();
    EXPECT_TRUE(missing().empty());
    close_into_tables();
  }
}

// A reader does not end the worker for it; the next start mends what it has met.
TEST_F(DamagedFiles, WhatAReaderMeetsIsMendedByTheNextStart) {
  spoil(row_place(200), "damaged");
  open();
  EXPECT_EQ(engine_->get(account(200), "r").error().kind, FaultKind::corrupt);
  EXPECT_EQ(engine_->scan(account(200), "", "", [](auto, auto) { return true; }).error().kind,
            FaultKind::corrupt);
  EXPECT_TRUE(writes());
  EXPECT_EQ(broken_, 0);
  engine_.reset();
  open();
  const std::vector<int> gone = missing();
  EXPECT_NE(std::ranges::find(gone, 200), gone.end());
  expect_lost_are(gone);
  EXPECT_TRUE(loop_.run(engine_->reclaim_space()));
}

// What stumbles before it writes would stumble for ever.
TEST_F(DamagedFiles, WhatATransactionMeetsIsMendedByTheNextStart) {
  enum Way { get, scan, scan_back };
  for (const Way way : {get, scan, scan_back}) {
    const int hurt = 100 + 100 * way;
    spoil(row_place(hurt), "damaged");
    open();
    const auto read = [&](Transaction& rows) -> Result<void> {
      const RowVisitor all = [](auto, auto) { return true; };
      if (way == scan) return rows.scan("", "", all);
      if (way == scan_back) return rows.scan_back("", "", all);
      const auto row = rows.get("r");
      return row ? Result<void>() : std::unexpected(row.error());
    };
    const auto done = loop_.run(engine_->transact({Step{account(hurt), read}}));
    ASSERT_FALSE(done) << way;
    EXPECT_EQ(done.error().kind, FaultKind::corrupt);
    engine_.reset();
    open();
    EXPECT_TRUE(loop_.run(engine_->transact({Step{account(hurt), read}}))) << way;
    engine_.reset();
  }
  open();
}

// An operator may ask for it.
TEST_F(DamagedFiles, EverythingIsReadWhenItIsSuspected) {
  spoil(row_place(200), "damaged");
  ASSERT_TRUE(DamageNotes(store_).suspect(std::string(kSuspectEverything)));
  open();
  EXPECT_EQ(engine_->damage().size(), 1u);
  EXPECT_FALSE(missing().empty());
  EXPECT_FALSE(fs::exists(store_ + "/SUSPECT"));
  EXPECT_FALSE(fs::exists(store_ + "/KEEP-BLOBS"));
  EXPECT_TRUE(loop_.run(engine_->reclaim_space()));
}

// Then another start would be of no use, and the store goes on as far as it can.
TEST_F(DamagedFiles, WhatIsSoundIsNotMendedForEver) {
  ASSERT_TRUE(DamageNotes(store_).suspect("000001.sst"));
  const auto database = RocksDatabase::open(options());
  ASSERT_TRUE(database);
  EXPECT_FALSE((*database)->note_damage(rocksdb::Status::Corruption("out of order", "000001.sst")));
}

TEST_F(DamagedFiles, ReadOnlyMendsNothing) {
  const std::string path = row_place(200).path;
  fs::resize_file(path, 100);
  RocksOptions looking = options();
  looking.read_only = true;
  EXPECT_FALSE(open_rocks_engine(looking));
  EXPECT_EQ(fs::file_size(path), 100u);
  EXPECT_FALSE(fs::exists(store_ + ".damaged"));
}

// A table that stands for a lost one, and notes about it, belong together.
TEST_F(DamagedFiles, ASnapshotOfMendedFilesIsAStore) {
  fs::resize_file(row_place(200).path, 100);
  open();
  EXPECT_TRUE(fs::exists(store_ + "/STAND-INS"));
  ASSERT_TRUE(loop_.run(engine_->transact({put(account(9999), "r", "x")})));
  ASSERT_TRUE(loop_.run(engine_->make_snapshot("a")));
  for (const bool read_only : {true, false}) {
    RocksOptions copy = options();
    copy.directory = snapshot_folder(store_, "a");
    copy.read_only = read_only;
    const auto opened = open_rocks_engine(copy);
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ((*opened)->get(account(9999), "r").value(), "x");
    EXPECT_FALSE((*opened)->lost().empty());
  }
}

// Whoever opens a store that is in use is told so, and changes nothing.
TEST_F(DamagedFiles, AStoreInUseIsNotMended) {
  spoil(row_place(200), "damaged");
  open();
  EXPECT_FALSE(loop_.run(engine_->reclaim_space()));
  EXPECT_FALSE(writes());
  const std::string before = read_whole(row_place(100).path);
  const auto second = open_rocks_engine(options());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, FaultKind::temporary);
  EXPECT_EQ(read_whole(row_place(100).path), before);
}

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
