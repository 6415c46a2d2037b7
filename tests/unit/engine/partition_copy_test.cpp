// Rows of a partition in a file, and back from it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "engine/memory_engine.h"
#include "engine/partition_copy.h"
#include "engine/patch_file.h"
#include "engines.h"
#include "support/manual_executor.h"

namespace posthouse::engine {
namespace {

constexpr Partition kRows{PartitionKind::directory, 0};
constexpr Partition kOthers{PartitionKind::account, 7};

class PartitionCopy : public testing::Test {
 protected:
  using Rows = std::map<std::string, std::string>;

  void change(Partition partition, std::function<void(Transaction&)> how) {
    ASSERT_TRUE(loop_.run(engine_->transact({{partition, [how](Transaction& rows) -> Result<void> {
                                                how(rows);
                                                return {};
                                              }}})));
  }
  void put(const std::string& key, const std::string& value) {
    change(kRows, [&](Transaction& rows) { rows.put(key, value); });
  }
  void erase(const std::string& key) {
    change(kRows, [&](Transaction& rows) { rows.erase(key); });
  }
  Rows rows() const {
    Rows out;
    EXPECT_TRUE(engine_->scan(kRows, "", "", [&out](std::string_view key, std::string_view value) {
      out.emplace(key, value);
      return true;
    }));
    return out;
  }
  void copy() {
    const Result<void> done = copy_partition(*engine_, kRows, path_);
    ASSERT_TRUE(done) << done.error().what;
  }
  Result<uint64_t> put_back() { return loop_.run(put_back_missing(*engine_, kRows, path_)); }

  test::ManualExecutor loop_;
  std::unique_ptr<Engine> engine_ = make_memory_engine();
  TempDir dir_;
  const std::string path_ = dir_.path() + "/COPY";
};

TEST_F(PartitionCopy, WhatIsMissingComesBackAndNothingElseChanges) {
  const std::string odd("\0key\xff", 5);
  put("a", "1");
  put("b", "");
  put(odd, std::string(300'000, 'x'));
  change(kOthers, [](Transaction& rows) { rows.put("z", "of somebody else"); });
  copy();
  const Rows before = rows();
  erase("b");
  erase(odd);
  EXPECT_EQ(put_back().value(), 2u);
  EXPECT_EQ(rows(), before);
  put("a", "2");
  put("c", "3");
  EXPECT_EQ(put_back().value(), 0u);
  EXPECT_EQ(rows().at("a"), "2");
  EXPECT_EQ(rows().size(), 4u);
}

TEST_F(PartitionCopy, ManyRowsInSeveralTransactions) {
  change(kRows, [](Transaction& rows) {
    for (int i = 0; i < 2500; ++i) rows.put(std::to_string(i), "row");
  });
  copy();
  change(kRows, [](Transaction& rows) {
    for (int i = 0; i < 2500; ++i) rows.erase(std::to_string(i));
  });
  EXPECT_EQ(put_back().value(), 2500u);
  EXPECT_EQ(rows().size(), 2500u);
}

TEST_F(PartitionCopy, ADamagedFileCountsUpToItsDamage) {
  for (int i = 0; i < 10; ++i) put(std::to_string(i), std::string(100, 'r'));
  copy();
  const std::string whole = read_whole(path_);
  for (int i = 0; i < 10; ++i) erase(std::to_string(i));
  const auto rows_of = [&](const std::string& bytes) {
    std::ofstream(path_, std::ios::binary) << bytes;
    size_t count = 0;
    const auto read = read_partition_copy(path_, [&count](auto, auto value) {
      EXPECT_EQ(value, std::string(100, 'r'));
      ++count;
    });
    EXPECT_EQ(read.value(), bytes == whole);
    return count;
  };
  EXPECT_EQ(rows_of(whole), 10u);
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_LE(rows_of(whole.substr(0, length)), length / 100);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x80);
    EXPECT_LE(rows_of(damaged), 10u);
  }
  std::ofstream(path_, std::ios::binary) << whole.substr(0, whole.size() / 2);
  const uint64_t put = put_back().value();
  EXPECT_GT(put, 3u);
  EXPECT_EQ(rows().size(), put);
}

TEST_F(PartitionCopy, WithoutAFile) {
  EXPECT_EQ(put_back().error().kind, FaultKind::not_found);
}

TEST_F(PartitionCopy, AFileThatCannotBeWrittenLeavesTheOldOne) {
  put("a", "1");
  copy();
  const std::string before = read_whole(path_);
  std::filesystem::create_directory(path_ + ".new");
  put("b", "2");
  EXPECT_EQ(copy_partition(*engine_, kRows, path_).error().kind, FaultKind::io);
  EXPECT_EQ(read_whole(path_), before);
}

}  // namespace
}  // namespace posthouse::engine
