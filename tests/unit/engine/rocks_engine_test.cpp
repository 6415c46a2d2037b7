// What RocksDB adds: files, locks, versions, full disks.
#include "engine/rocks_engine.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "child_process.h"
#include "engine/record.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

constexpr Partition kAccount{PartitionKind::account, 1};

Step put(Partition partition, std::string key, std::string value) {
  return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                rows.put(key, value);
                return {};
              }};
}

TEST(RocksEngine, KeepsRowsOverARestart) {
  const TempDir dir;
  test::ManualExecutor loop;
  for (int round = 0; round < 3; ++round) {
    const auto engine = open_small(dir.path());
    if (round > 0) {
      EXPECT_EQ(engine->get(kAccount, "n").value(), std::to_string(round - 1));
    }
    ASSERT_TRUE(loop.run(engine->transact({put(kAccount, "n", std::to_string(round))})));
  }
}

// After a start the tables are not open yet, and looking for a row in memory only must not take that for an
// empty row.
TEST(RocksEngine, FetchesWhatIsNotInMemoryYet) {
  const TempDir dir;
  test::ManualExecutor loop;
  constexpr int kRounds = 60;
  for (int round = 0; round < kRounds; ++round) {
    const auto engine = open_small(dir.path());
    for (const PartitionKind kind : {PartitionKind::account, PartitionKind::blob}) {
      const Partition partition{kind, static_cast<uint64_t>(round)};
      ASSERT_TRUE(loop.run(engine->transact({put(partition, "head", "value " + std::to_string(round))})));
    }
    for (int old = 0; old <= round; ++old) {
      for (const PartitionKind kind : {PartitionKind::account, PartitionKind::blob}) {
        const Partition partition{kind, static_cast<uint64_t>(old)};
        const auto found = loop.run(engine->fetch(partition, "head"));
        ASSERT_TRUE(found);
        ASSERT_EQ(*found, "value " + std::to_string(old)) << "round " << round;
      }
    }
  }
}

TEST(RocksEngine, ASecondOpenInThisProcessIsRefusedAndHarmless) {
  const TempDir dir;
  const auto engine = open_small(dir.path());
  for (int i = 0; i < 2; ++i) {
    const auto second = open_rocks_engine(small_options(dir.path()));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().kind, FaultKind::temporary);
    EXPECT_NE(second.error().what.find("in this process"), std::string::npos) << second.error().what;
  }
}

TEST(RocksEngine, NamesTheProcessThatHoldsTheStore) {
  const TempDir dir;
  ChildProcess holder("hold", dir.path());
  char ready = 0;
  ASSERT_EQ(::read(holder.output(), &ready, 1), 1);
  EXPECT_EQ(ready, 'y');
  const auto second = open_rocks_engine(small_options(dir.path()));
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, FaultKind::temporary);
  EXPECT_NE(second.error().what.find(std::to_string(holder.pid())), std::string::npos) << second.error().what;
}

TEST(RocksEngine, RefusesAFormatFromTheFuture) {
  const TempDir dir;
  test::ManualExecutor loop;
  constexpr Partition system{PartitionKind::system, 0};
  {
    const auto engine = open_small(dir.path());
    ASSERT_TRUE(loop.run(engine->transact({put(system, "format", RecordWriter(1).varint(99).finish())})));
  }
  auto opened = open_rocks_engine(small_options(dir.path()));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FaultKind::corrupt);
  EXPECT_NE(opened.error().what.find("format 99"), std::string::npos) << opened.error().what;
  EXPECT_NE(opened.error().what.find("newer program"), std::string::npos) << opened.error().what;
}

TEST(RocksEngine, AnEarlierFormatBecomesThisOne) {
  const TempDir dir;
  test::ManualExecutor loop;
  constexpr Partition system{PartitionKind::system, 0};
  const std::string first = RecordWriter(1).varint(1).finish();
  std::string now;
  {
    const auto engine = open_small(dir.path());
    now = engine->get(system, "format").value().value();
    ASSERT_NE(now, first);
    ASSERT_TRUE(loop.run(engine->transact({put(system, "format", first), put(kAccount, "n", "1")})));
  }
  RocksOptions options = small_options(dir.path());
  options.read_only = true;
  {
    auto opened = open_rocks_engine(options);
    ASSERT_TRUE(opened) << opened.error().what;
    EXPECT_EQ((*opened)->get(system, "format").value(), first);
  }
  const auto engine = open_small(dir.path());
  EXPECT_EQ(engine->get(system, "format").value(), now);
  EXPECT_EQ(engine->get(kAccount, "n").value(), "1");
}

TEST(RocksEngine, ReadOnlyReadsAndRefusesToWrite) {
  const TempDir dir;
  test::ManualExecutor loop;
  ASSERT_TRUE(loop.run(open_small(dir.path())->transact({put(kAccount, "n", "1")})));
  RocksOptions options = small_options(dir.path());
  options.read_only = true;
  const auto engine = open_rocks_engine(options);
  ASSERT_TRUE(engine) << engine.error().what;
  EXPECT_EQ((*engine)->get(kAccount, "n").value(), "1");
  const auto done = loop.run((*engine)->transact({put(kAccount, "n", "2")}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::policy);
}

TEST(RocksEngine, AMissingStoreCannotBeOpenedReadOnly) {
  const TempDir dir;
  RocksOptions options = small_options(dir.path() + "/nothing");
  options.read_only = true;
  EXPECT_FALSE(open_rocks_engine(options));
}

std::map<std::string, uint64_t> files_in(const std::string& directory) {
  std::map<std::string, uint64_t> out;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    out[entry.path().filename().string()] = entry.is_regular_file() ? entry.file_size() : 0;
  return out;
}

// An empty folder may be a disk that is not mounted.
TEST(RocksEngine, MakesNoStoreUnlessTold) {
  const TempDir dir;
  RocksOptions options = small_options(dir.path());
  options.create = false;
  const auto engine = open_rocks_engine(options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().kind, FaultKind::not_found);
  EXPECT_TRUE(files_in(dir.path()).empty());
}

TEST(RocksEngine, AStoreThatLostCurrentIsLeftAsItIs) {
  const TempDir dir;
  test::ManualExecutor loop;
  ASSERT_TRUE(loop.run(open_small(dir.path())->transact({put(kAccount, "n", "1")})));
  const std::string current = dir.path() + "/CURRENT";
  const std::string aside = dir.path() + "/aside";
  std::filesystem::rename(current, aside);
  const auto before = files_in(dir.path());
  for (int i = 0; i < 3; ++i) {
    const auto engine = open_rocks_engine(small_options(dir.path()));
    ASSERT_FALSE(engine);
    EXPECT_EQ(engine.error().kind, FaultKind::corrupt);
    EXPECT_NE(engine.error().what.find("CURRENT"), std::string::npos);
  }
  EXPECT_EQ(files_in(dir.path()), before);
  std::filesystem::rename(aside, current);
  EXPECT_EQ(open_small(dir.path())->get(kAccount, "n").value(), "1");
}

constexpr int kLoggedRows = 20;

// Rows that are in the log only, one record each; the log's path.
std::string write_log(const TempDir& dir) {
  test::ManualExecutor loop;
  const std::string store = dir.path() + "/store";
  const auto engine = open_small(store);
  for (int i = 0; i < kLoggedRows; ++i) {
    const Result<void> done =
        loop.run(engine->transact({put(kAccount, fmt::format("{:02}", i), std::string(200, 'x'))}));
    EXPECT_TRUE(done);
  }
  std::string log;
  for (const auto& [name, size] : files_in(store)) {
    if (name.ends_with(".log") && size > 0) log = store + "/" + name;
  }
  return log;
}

int count_rows(const Engine& engine) {
  int count = 0;
  EXPECT_TRUE(engine.scan(kAccount, "", "", [&](std::string_view, std::string_view) {
    ++count;
    return true;
  }));
  return count;
}

TEST(RocksEngine, ARecordCutOffAtTheEndOfTheLogIsNoDamage) {
  const TempDir dir;
  const std::string log = write_log(dir);
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 50);
  const auto engine = open_small(dir.path() + "/store");
  EXPECT_EQ(count_rows(*engine), kLoggedRows - 1);
  EXPECT_TRUE(engine->damage().empty());
}

TEST(RocksEngine, DamageInTheMiddleOfTheLogIsToldAndKept) {
  const TempDir dir;
  const std::string log = write_log(dir);
  const uint64_t size = std::filesystem::file_size(log);
  {
    std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(size / 2));
    file << "twelve bytes";
  }
  for (int start = 0; start < 2; ++start) {
    const auto engine = open_small(dir.path() + "/store");
    EXPECT_GT(count_rows(*engine), kLoggedRows / 4);
    EXPECT_LT(count_rows(*engine), kLoggedRows);
    ASSERT_EQ(engine->damage().size(), 1u) << "start " << start;
  }
  const auto kept = files_in(dir.path() + "/store.damaged");
  ASSERT_EQ(kept.size(), 1u);
  const std::string folder = dir.path() + "/store.damaged/" + kept.begin()->first;
  EXPECT_EQ(std::filesystem::file_size(folder + "/" + std::filesystem::path(log).filename().string()), size);
  std::filesystem::remove_all(folder);
  EXPECT_TRUE(open_small(dir.path() + "/store")->damage().empty());
}

TEST(RocksEngine, BelowTheReserveLettersAreRefusedAndRemovalsAreNot) {
  const TempDir dir;
  test::ManualExecutor loop;
  constexpr Partition blob{PartitionKind::blob, 5};
  ASSERT_TRUE(loop.run(open_small(dir.path())->transact({put(blob, "b", "old"), put(kAccount, "n", "1")})));
  RocksOptions options = small_options(dir.path());
  options.space_reserve = UINT64_MAX;
  const auto engine = open_rocks_engine(options);
  ASSERT_TRUE(engine);
  EXPECT_EQ((*engine)->free_space(), 0u);
  const auto letter = loop.run((*engine)->transact({put(kAccount, "n", "2"), put(blob, "c", "x")}));
  ASSERT_FALSE(letter);
  EXPECT_EQ(letter.error().kind, FaultKind::no_space);
  EXPECT_EQ((*engine)->get(kAccount, "n").value(), "1");
  const auto ahead = loop.run((*engine)->put_ahead(blob, "c", "x"));
  ASSERT_FALSE(ahead);
  EXPECT_EQ(ahead.error().kind, FaultKind::no_space);
  const Step removal{blob, [](Transaction& rows) -> Result<void> {
                       rows.erase("b");
                       return {};
                     }};
  ASSERT_TRUE(loop.run((*engine)->transact({put(kAccount, "n", "3"), removal})));
  EXPECT_EQ((*engine)->get(blob, "b").value(), std::nullopt);
}

// Hundreds of transactions in one group, some of which fail, none of which disturbs another.
TEST(RocksEngine, SpaceIsReclaimedAfterBlobsWereErased) {
  const TempDir dir;
  test::ManualExecutor loop;
  const auto engine = open_small(dir.path());
  const Partition blob{PartitionKind::blob, 1};
  EXPECT_TRUE(loop.run(engine->reclaim_space()).value());  // what was before is not known
  ASSERT_TRUE(loop.run(engine->transact({put(blob, "head", "bytes"), put(kAccount, "n", "1")})));
  EXPECT_FALSE(loop.run(engine->reclaim_space()).value());
  ASSERT_TRUE(loop.run(engine->transact({{blob, [](Transaction& rows) -> Result<void> {
                                            rows.erase("head");
                                            return {};
                                          }}})));
  EXPECT_TRUE(loop.run(engine->reclaim_space()).value());
  EXPECT_FALSE(loop.run(engine->reclaim_space()).value());
}

TEST(RocksEngine, MergedTransactionsStaySeparate) {
  const TempDir dir;
  const auto engine = open_small(dir.path());
  test::ManualExecutor loop;
  constexpr int kCount = 1500;
  int good = 0, bad = 0;
  const auto one = [](Engine& on, int i, int& ok, int& failed) -> Task<void> {
    std::vector<Step> steps;
    steps.push_back(put(kAccount, "k" + std::to_string(i), "v"));
    steps.push_back(put(kAccount, "last", std::to_string(i)));
    if (i % 3 == 0) {
      steps.push_back(
          Step{kAccount, [](Transaction&) -> Result<void> { return fail(FaultKind::policy, "no"); }});
    }
    const Result<void> done = co_await on.transact(std::move(steps));
    ++(done ? ok : failed);
  };
  for (int i = 0; i < kCount; ++i) loop.start(one(*engine, i, good, bad));
  ASSERT_TRUE(loop.run_until([&] { return good + bad == kCount; }));
  EXPECT_EQ(bad, kCount / 3);
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(engine->get(kAccount, "k" + std::to_string(i)).value().has_value(), i % 3 != 0) << i;
  }
  EXPECT_EQ(engine->get(kAccount, "last").value(), std::to_string(kCount - 1 - (kCount - 1) % 3 + 2));
}

TEST(RocksEngine, BigTransactionsAreSpreadOverGroups) {
  const TempDir dir;
  const auto engine = open_small(dir.path());
  test::ManualExecutor loop;
  constexpr int kCount = 40;
  int done = 0;
  const auto one = [](Engine& on, int i, int& ok) -> Task<void> {
    std::vector<Step> steps{
        put({PartitionKind::blob, static_cast<uint64_t>(i)}, "b", std::string(1 << 20, 'x'))};
    const Result<void> result = co_await on.transact(std::move(steps));
    if (result) ++ok;
  };
  for (int i = 0; i < kCount; ++i) loop.start(one(*engine, i, done));
  EXPECT_TRUE(loop.run_until([&] { return done == kCount; }));
}

}  // namespace
}  // namespace posthouse::engine
