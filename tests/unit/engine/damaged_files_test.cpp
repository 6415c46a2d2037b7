// Damaged tables: whoever meets them is refused, the next start mends them, and only what was in the damaged
// place is gone.
#include <rocksdb/status.h>

#include "damaged_files.h"

#include "engine/damage_notes.h"
#include "engine/rocks_block.h"
#include "engine/snapshots.h"

namespace posthouse::engine {
namespace {

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

}  // namespace
}  // namespace posthouse::engine
