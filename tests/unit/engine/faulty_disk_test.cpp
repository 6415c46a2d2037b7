// A disk that fails: what was acknowledged stays, also when the power goes then; what was not is refused, and
// the store says when it can't go on.
#include "faulty_disk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "engines.h"
#include "support/seeded_random.h"

namespace posthouse::engine {
namespace {

using Failure = FaultyDisk::Failure;

constexpr uint64_t kChunks = 1'000'000;  // ids of the blobs that are written ahead

struct Trouble {
  Failure failure;
  const char* suffix;  // of the files that fail
  int steps;           // the first, the second, ... of their writes or flushes
  int writes;          // transactions tried at a time
  size_t size;         // of a row
  bool mends = false;  // RocksDB may put it right by itself
};

class FaultyDiskTest : public testing::Test {
 protected:
  void open() {
    RocksOptions options = small_options(dir_.path());
    options.env = env_.get();
    auto opened = open_rocks_engine(options);
    ASSERT_TRUE(opened.has_value()) << opened.error().what;
    engine_ = std::move(*opened);
    engine_->when_broken([this](const Fault& fault) {
      ++broken_;
      EXPECT_EQ(fault.kind, FaultKind::io);
    });
  }

  // Letters in little: bytes ahead, then the transaction that refers to them.
  void write(int count, size_t size) {
    for (int i = 0; i < count; ++i) {
      const uint64_t id = ++last_id_;
      std::string bytes(size, '\0');
      random_.fill({reinterpret_cast<unsigned char*>(bytes.data()), size});
      const Partition chunk{PartitionKind::blob, kChunks + id};
      const auto ahead = loop_.run(engine_->put_ahead(chunk, "c", bytes));
      auto put = [&bytes](Transaction& rows) -> Result<void> {
        rows.put("r", bytes);
        return {};
      };
      if (!ahead) {
        refused_.push_back(id);
        continue;
      }
      std::vector<Step> steps;
      steps.push_back({{PartitionKind::account, id}, put});
      const auto done = loop_.run(engine_->transact(std::move(steps)));
      if (done) {
        EXPECT_EQ(broken_, 0);
        acknowledged_[id] = bytes;
      } else {
        refused_.push_back(id);
      }
    }
  }

  void expect_all_there() {
    for (const auto& [id, bytes] : acknowledged_) {
      EXPECT_EQ(engine_->get({PartitionKind::account, id}, "r").value(), bytes) << id;
      EXPECT_EQ(engine_->get({PartitionKind::blob, kChunks + id}, "c").value(), bytes) << id;
    }
  }

  const TempDir dir_;
  test::ManualExecutor loop_;
  std::shared_ptr<FaultyDisk> disk_ = std::make_shared<FaultyDisk>();
  std::shared_ptr<rocksdb::Env> env_ = disk_->env(disk_);
  std::unique_ptr<Engine> engine_;
  test::SeededRandom random_{7};
  uint64_t last_id_ = 0;
  std::map<uint64_t, std::string> acknowledged_;
  std::vector<uint64_t> refused_;
  std::atomic<int> broken_ = 0;
};

class Troubles : public FaultyDiskTest, public testing::WithParamInterface<Trouble> {};

TEST_P(Troubles, LoseNothingAcknowledged) {
  const Trouble trouble = GetParam();
  for (int step = 1; step <= trouble.steps; ++step) {
    SCOPED_TRACE(step);
    open();
    broken_ = 0;
    refused_.clear();
    const int before = disk_->failures();
    disk_->fail(trouble.failure, trouble.suffix, step, 1);
    // Tables are written behind our back, now or a little later.
    for (int batch = 0; batch < 20 && disk_->failures() == before; ++batch)
      write(trouble.writes, trouble.size);
    write(3, 1000);
    ASSERT_EQ(disk_->failures(), before + 1) << "the disk was not tried";
    expect_all_there();
    // Either it is mended, or everybody was told.
    const bool works = refused_.empty() || refused_.back() != last_id_;
    EXPECT_EQ(broken_, works ? 0 : 1);
    EXPECT_TRUE(!works || trouble.mends);
    for (const uint64_t id : refused_) {
      EXPECT_FALSE(engine_->get({PartitionKind::account, id}, "r").value().has_value()) << id;
    }
    engine_.reset();
    disk_->fail(trouble.failure, trouble.suffix, 0, 0);
    if (step % 2 == 1) disk_->cut_power();
    open();
    broken_ = 0;
    expect_all_there();
    write(3, 1000);
    EXPECT_EQ(acknowledged_.rbegin()->first, last_id_) << "the store does not work again";
    engine_.reset();
  }
}

INSTANTIATE_TEST_SUITE_P(FaultyDisk, Troubles,
                         testing::Values(Trouble{Failure::sync, ".log", 6, 12, 1000},
                                         Trouble{Failure::append, ".log", 6, 12, 1000},
                                         Trouble{Failure::torn, ".log", 6, 12, 1000},
                                         Trouble{Failure::append, ".sst", 2, 60, 20'000, true},
                                         Trouble{Failure::sync, ".sst", 1, 60, 20'000, true},
                                         Trouble{Failure::append, ".blob", 2, 60, 20'000, true},
                                         Trouble{Failure::sync, ".blob", 1, 60, 20'000, true}));

// Whoever writes must not take the damage of other rows for damage of his.
TEST_F(FaultyDiskTest, DamageOfOtherRowsIsNotCalledCorrupt) {
  open();
  write(60, 3000);
  engine_.reset();
  open();
  engine_.reset();
  const std::string needle = acknowledged_[30].substr(100, 50);
  size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    if (entry.path().extension() != ".sst") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(file), {});
    const size_t at = bytes.find(needle);
    if (at == std::string::npos) continue;
    ++found;
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(bytes[at] ^ 1));
  }
  ASSERT_EQ(found, 1u);
  open();
  EXPECT_EQ(engine_->get({PartitionKind::account, 30}, "r").error().kind, FaultKind::corrupt);
  EXPECT_FALSE(loop_.run(engine_->reclaim_space()));
  std::vector<Step> steps;
  steps.push_back({{PartitionKind::account, 1000}, [](Transaction& rows) -> Result<void> {
                     rows.put("r", "x");
                     return {};
                   }});
  const auto done = loop_.run(engine_->transact(std::move(steps)));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, FaultKind::io);
  EXPECT_EQ(broken_, 1);  // the next start mends it: damaged_files_test.cpp
  EXPECT_EQ(engine_->get({PartitionKind::account, 60}, "r").value(), acknowledged_[60]);
}

TEST_F(FaultyDiskTest, TellsWhoAsksLater) {
  open();
  disk_->fail(Failure::sync, ".log", 1, 1);
  write(2, 100);
  ASSERT_EQ(broken_, 1);
  int later = 0;
  engine_->when_broken([&later](const Fault&) { ++later; });
  EXPECT_EQ(later, 1);
  write(2, 100);
  EXPECT_EQ(later, 1);
  EXPECT_TRUE(acknowledged_.empty());
}

// ---- relaxed transactions: the disk is not flushed for them, but they get there.

std::vector<Step> put_row(uint64_t id) {
  std::vector<Step> steps;
  steps.push_back({{PartitionKind::queue, 1}, [id](Transaction& rows) -> Result<void> {
                     rows.put(std::to_string(id), "x");
                     return {};
                   }});
  return steps;
}

TEST_F(FaultyDiskTest, RelaxedTransactionsShareTheFlushOfOthers) {
  open();
  ASSERT_TRUE(loop_.run(engine_->transact(put_row(0))));
  const int before = disk_->flushes(".log");
  for (uint64_t id = 1; id <= 20; ++id) {
    ASSERT_TRUE(loop_.run(engine_->transact_relaxed(put_row(id))));
    EXPECT_EQ(engine_->get({PartitionKind::queue, 1}, std::to_string(id)).value(), "x");
  }
  ASSERT_TRUE(loop_.run(engine_->transact(put_row(21))));
  // One for the last; a slow machine may have had time for some of those that come by themselves.
  const int flushes = disk_->flushes(".log") - before;
  EXPECT_GE(flushes, 1);
  EXPECT_LT(flushes, 20);
  engine_.reset();
  disk_->cut_power();
  open();
  for (uint64_t id = 1; id <= 21; ++id)
    EXPECT_EQ(engine_->get({PartitionKind::queue, 1}, std::to_string(id)).value(), "x") << id;
}

TEST_F(FaultyDiskTest, RelaxedTransactionsAreFlushedThoughNothingElseComes) {
  open();
  ASSERT_TRUE(loop_.run(engine_->transact(put_row(0))));
  const int before = disk_->flushes(".log");
  ASSERT_TRUE(loop_.run(engine_->transact_relaxed(put_row(1))));
  ASSERT_TRUE(disk_->wait_for_flush(".log", before));
  engine_.reset();
  disk_->cut_power();
  open();
  EXPECT_EQ(engine_->get({PartitionKind::queue, 1}, "1").value(), "x");
}

TEST_F(FaultyDiskTest, FailedFlushOfRelaxedTransactionsIsTold) {
  open();
  ASSERT_TRUE(loop_.run(engine_->transact(put_row(0))));
  const int before = disk_->failures();
  disk_->fail(Failure::sync, ".log", 1, 1);
  ASSERT_TRUE(loop_.run(engine_->transact_relaxed(put_row(1))));
  EXPECT_FALSE(loop_.run(engine_->transact(put_row(2))));
  EXPECT_EQ(disk_->failures(), before + 1);
  EXPECT_EQ(broken_, 1);
}

}  // namespace
}  // namespace posthouse::engine
