// A store with tables and blob files that a test damages.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/blob_format.h"
#include "engine/patch_file.h"
#include "engine/record.h"
#include "engine/rocks_database.h"
#include "engine/rocks_table_layout.h"
#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {

namespace fs = std::filesystem;

inline constexpr int kRows = 400;  // some ten blocks

inline Step put(Partition partition, std::string key, std::string value) {
  return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

inline Partition account(int i) {
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

}  // namespace posthouse::engine
