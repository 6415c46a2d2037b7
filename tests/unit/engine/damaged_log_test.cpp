// A damaged log: what stands behind the damage is read, and everybody is told; the end that a crash leaves is
// no damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "engine/patch_file.h"
#include "engine/rocks_files.h"
#include "engine/rocks_log.h"
#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {
namespace {

namespace fs = std::filesystem;

constexpr Partition kAccount{PartitionKind::account, 7};
constexpr int kRows = 12;

Step put(std::string key, std::string value) {
  return Step{kAccount, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

std::string key_of(int i) {
  return fmt::format("{:03}", i);
}

class DamagedLog : public testing::Test {
 protected:
  // One record each, in the log only.
  void write_rows(int count, size_t size) {
    const auto engine = open_small(store_);
    for (int i = 0; i < count; ++i) {
      std::string value(size, '\0');
      random_.fill({reinterpret_cast<unsigned char*>(value.data()), size});
      ASSERT_TRUE(loop_.run(engine->transact({put(key_of(i), value)})));
      values_.push_back(value);
      ends_.push_back(size_of(log()));
    }
  }
  std::string log() const {
    std::string out;
    for (const std::string& path : logs_in(store_)) {
      if (size_of(path) > 0) out = path;
    }
    return out;
  }
  // 0 for one that RocksDB, which is done with it, removes meanwhile.
  static uint64_t size_of(const std::string& path) {
    std::error_code gone;
    const uint64_t size = fs::file_size(path, gone);
    return gone ? 0 : size;
  }
  void overwrite(uint64_t at, const std::string& with) const {
    std::fstream file(log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << with;
  }
  std::set<int> missing(const Engine& engine) const {
    std::set<int> out;
    for (size_t i = 0; i < values_.size(); ++i) {
      const auto row = engine.get(kAccount, key_of(static_cast<int>(i)));
      EXPECT_TRUE(row);
      if (!row || !*row) {
        out.insert(static_cast<int>(i));
      } else {
        EXPECT_EQ(**row, values_[i]);
      }
    }
    return out;
  }
  // `told`: the rows that are lost, the log kept as it was, and that in all later starts.
  void expect_told(const std::set<int>& lost) {
    const std::string name = fs::path(log()).filename().string();
    const std::string before = read_whole(log());
    for (int start = 0; start < 2; ++start) {
      const auto engine = open_small(store_);
      EXPECT_EQ(missing(*engine), lost);
      ASSERT_EQ(engine->damage().size(), 1u) << "start " << start;
      EXPECT_TRUE(contains(engine->lost(), kAccount));
    }
    const auto folders = damaged_folders(store_);
    ASSERT_EQ(folders.size(), 1u);
    EXPECT_EQ(read_whole(folders[0] + "/" + name), before);
    fs::remove_all(folders[0]);
    EXPECT_TRUE(open_small(store_)->damage().empty());
  }
  void expect_quiet(const std::set<int>& lost) {
    const auto engine = open_small(store_);
    EXPECT_EQ(missing(*engine), lost);
    EXPECT_TRUE(engine->damage().empty());
    EXPECT_TRUE(engine->lost().empty());
  }

  test::ManualExecutor loop_;
  test::SeededRandom random_{11};
  TempDir dir_;
  std::string store_ = dir_.path() + "/store";
  std::vector<std::string> values_;
  std::vector<uint64_t> ends_;  // of the log, after each row
};

TEST_F(DamagedLog, AHeaderOfZerosIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5], std::string(16, '\0'));
  expect_told({6});
}

TEST_F(DamagedLog, AWrongLengthIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5] + 4, "\xff\xff");
  expect_told({6});
}

TEST_F(DamagedLog, ALengthThatLeadsBehindTheEndOfTheFileIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5] + 4, "\x70\x40");
  expect_told({6});
}

TEST_F(DamagedLog, AHeaderOfLettersIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5], std::string(16, 'Z'));
  expect_told({6});
}

TEST_F(DamagedLog, ASectorOfZerosIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5], std::string(512, '\0'));
  expect_told({6});
}

TEST_F(DamagedLog, APageOfZerosAtTheBeginningIsNotTheEnd) {
  write_rows(kRows, 700);
  overwrite(0, std::string(4096, '\0'));
  const auto first = std::ranges::find_if(ends_, [](uint64_t end) { return end > 4096; });
  std::set<int> lost;
  for (int i = 0; i <= first - ends_.begin(); ++i) lost.insert(i);
  // The record of the store's format is there, too.
  expect_told(lost);
}

TEST_F(DamagedLog, ADamagedPayloadTakesNothingBehindIt) {
  write_rows(kRows, 700);
  overwrite(ends_[5] + 100, "twelve bytes");
  expect_told({6});
}

TEST_F(DamagedLog, TwoDamagedPlacesInABlock) {
  write_rows(kRows, 700);
  overwrite(ends_[3], std::string(16, 'Z'));
  overwrite(ends_[7], std::string(16, '\0'));
  expect_told({4, 8});
}

TEST_F(DamagedLog, DamageAndATornEnd) {
  write_rows(kRows, 700);
  overwrite(ends_[5], std::string(16, '\0'));
  fs::resize_file(log(), ends_.back() - 50);
  expect_told({6, kRows - 1});
}

TEST_F(DamagedLog, RecordsOfSeveralBlocks) {
  write_rows(20, 20000);
  overwrite(ends_[8], std::string(16, 'Z'));
  expect_told({9});
}

TEST_F(DamagedLog, AtAnyPlaceOnlyWhatIsThereIsLost) {
  write_rows(20, 9000);
  const std::string sound = read_whole(log());
  const std::string path = log();
  const uint64_t begin = ends_[0] - (ends_[1] - ends_[0]);
  for (uint64_t at = begin; at < sound.size(); at += 4711) {
    const TempDir other;
    fs::copy(store_, other.path() + "/store", fs::copy_options::recursive);
    const std::string copy = other.path() + "/store/" + fs::path(path).filename().string();
    std::string bytes = sound;
    for (size_t i = at; i < std::min<size_t>(at + 40, bytes.size()); ++i) bytes[i] ^= 0x55;
    ASSERT_TRUE(write_whole(copy, bytes));
    const auto engine = open_small(other.path() + "/store");
    const std::set<int> lost = missing(*engine);
    for (const int i : lost) {
      EXPECT_GT(ends_[static_cast<size_t>(i)], at) << at;
      EXPECT_LT(i == 0 ? 0 : ends_[static_cast<size_t>(i) - 1], at + 40) << at;
    }
    if (at + 40 < ends_[18]) {
      EXPECT_EQ(engine->damage().size(), 1u) << at;
    }
  }
}

TEST_F(DamagedLog, ATornEndIsQuiet) {
  write_rows(kRows, 700);
  for (const uint64_t cut : {1u, 50u, 600u, 720u}) {
    const TempDir other;
    fs::copy(store_, other.path() + "/store", fs::copy_options::recursive);
    const std::string copy = other.path() + "/store/" + fs::path(log()).filename().string();
    fs::resize_file(copy, ends_.back() - cut);
    const auto engine = open_small(other.path() + "/store");
    EXPECT_EQ(missing(*engine), std::set<int>{kRows - 1}) << cut;
    EXPECT_TRUE(engine->damage().empty()) << cut;
    EXPECT_TRUE(engine->lost().empty()) << cut;
  }
}

TEST_F(DamagedLog, ZerosBehindTheEndAreQuiet) {
  write_rows(kRows, 700);
  fs::resize_file(log(), ends_.back() + 70000);
  expect_quiet({});
}

TEST_F(DamagedLog, GarbageBehindTheEndIsQuiet) {
  write_rows(kRows, 700);
  std::string garbage(3000, '\0');
  random_.fill({reinterpret_cast<unsigned char*>(garbage.data()), garbage.size()});
  overwrite(ends_.back(), garbage);
  expect_quiet({});
}

// A record with one row, which starts with `note`.
std::string record_of(uint64_t number, std::string_view note, size_t size) {
  std::string out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(number >> (8 * i)));
  out += std::string("\x01\0\0\0", 4);
  if (!note.empty()) out += '\x03' + std::string(1, static_cast<char>(note.size())) + std::string(note);
  return out + std::string(size, 'x');
}

// Pages that nobody flushed come to the disk in any order, so what is behind a hole was no promise.
TEST_F(DamagedLog, AHoleBeforeWhatWasNotFlushedIsTheEnd) {
  for (const std::string_view note : {kUnflushedMark, std::string_view()}) {
    std::string bytes;
    LogWriter writer([&bytes](std::string_view more) { bytes += more; });
    writer.add(record_of(5, "", 1000));
    const size_t end = bytes.size();
    for (uint64_t i = 6; i < 12; ++i) writer.add(record_of(i, note, 3000));
    for (const size_t to : {size_t{8192}, size_t{8000}}) {
      std::string holed = bytes;
      std::fill(holed.begin() + static_cast<ptrdiff_t>(end), holed.begin() + static_cast<ptrdiff_t>(to), 0);
      const std::string path = dir_.path() + "/a.log";
      ASSERT_TRUE(write_whole(path, holed));
      LogReading reading;
      ASSERT_TRUE(read_log(path, reading, nullptr));
      EXPECT_EQ(reading.damaged, note.empty()) << to;
      EXPECT_EQ(reading.cut, !note.empty()) << to;
    }
  }
}

TEST_F(DamagedLog, WhatIsNotFlushedSaysSo) {
  {
    const auto engine = open_small(store_);
    ASSERT_TRUE(loop_.run(engine->transact({put("flushed", "x")})));
    EXPECT_EQ(read_whole(log()).find(kUnflushedMark), std::string::npos);
    ASSERT_TRUE(loop_.run(engine->put_ahead({PartitionKind::blob, 5}, "c", "x")));
    EXPECT_NE(read_whole(log()).find(kUnflushedMark), std::string::npos);
  }
  EXPECT_EQ(open_small(store_)->get({PartitionKind::blob, 5}, "c").value(), "x");
}

// A letter that looks like the log must not become a part of it.
TEST_F(DamagedLog, ARecordInsideALetterIsNoRecord) {
  write_rows(2, 700);
  std::string batch;
  const uint64_t next = 1000;
  for (int i = 0; i < 8; ++i) batch.push_back(static_cast<char>(next >> (8 * i)));
  batch += std::string("\x01\x00\x00\x00\x01\x10", 6) + "q23456789bad-row" + std::string("\x01x", 2);
  std::string forged;
  LogWriter writer([&forged](std::string_view bytes) { forged += bytes; });
  writer.add(batch);
  std::string letter;
  while (letter.size() < 2000) letter += forged;
  {
    const auto engine = open_small(store_);
    ASSERT_TRUE(loop_.run(engine->transact({put("before", "x")})));
    ASSERT_TRUE(loop_.run(engine->transact({put("letter", letter)})));
  }
  const uint64_t at = read_whole(log()).find(forged);
  ASSERT_NE(at, std::string::npos);
  fs::resize_file(log(), at + 20 * forged.size() + 5);  // the power goes
  LogReading reading;
  ASSERT_TRUE(read_log(log(), reading, nullptr));
  EXPECT_FALSE(reading.damaged);
  expect_quiet({});
}

// What can't be mended now must not get lost with the log.
TEST_F(DamagedLog, ALogThatCannotBeKeptStopsTheStart) {
  write_rows(kRows, 700);
  overwrite(ends_[5], std::string(16, '\0'));
  const std::string before = read_whole(log());
  ASSERT_TRUE(write_whole(store_ + ".damaged", "in the way"));
  const std::string path = log();
  EXPECT_FALSE(open_rocks_engine(small_options(store_)));
  EXPECT_EQ(read_whole(path), before);
  fs::remove(store_ + ".damaged");
  expect_told({6});
}

TEST_F(DamagedLog, AMissingLogIsTold) {
  write_rows(kRows, 700);
  fs::remove(log());
  for (int start = 0; start < 2; ++start) {
    const auto engine = open_small(store_);
    ASSERT_EQ(engine->damage().size(), 1u);
    EXPECT_NE(engine->damage()[0].what.find("missing"), std::string::npos);
    EXPECT_TRUE(contains(engine->lost(), kAccount));
  }
  fs::remove_all(damaged_folders(store_)[0]);
  EXPECT_TRUE(open_small(store_)->damage().empty());
}

TEST_F(DamagedLog, LogsComeAndGoWithoutAWord) {
  for (int i = 0; i < 3; ++i) write_rows(3, 700000);
  EXPECT_TRUE(open_small(store_)->damage().empty());
}

}  // namespace
}  // namespace posthouse::engine
