// What every engine promises (engine/engine.h).
#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

#include "base/begun.h"
#include "engines.h"

namespace posthouse::engine {
namespace {

constexpr Partition kAccount{PartitionKind::account, 7};
constexpr Partition kBlob{PartitionKind::blob, 7};

class EngineTest : public testing::TestWithParam<const char*> {
 protected:
  Step put(Partition partition, std::string key, std::string value) {
    return Step{partition, [key, value](Transaction& rows) -> Result<void> {
                  rows.put(key, value);
                  return {};
                }};
  }
  Step erase(Partition partition, std::string key) {
    return Step{partition, [key](Transaction& rows) -> Result<void> {
                  rows.erase(key);
                  return {};
                }};
  }
  Result<void> transact(std::vector<Step> steps) { return loop_.run(engine_->transact(std::move(steps))); }
  std::string get(Partition partition, std::string key) {
    const auto row = engine_->get(partition, key);
    EXPECT_TRUE(row.has_value());
    return row->value_or("<none>");
  }
  std::string keys(Partition partition, std::string begin, std::string end, bool back = false) {
    std::string out;
    const RowVisitor visit = [&](std::string_view key, std::string_view) {
      out += std::string(key) + " ";
      return true;
    };
    const auto done =
        back ? engine_->scan_back(partition, begin, end, visit) : engine_->scan(partition, begin, end, visit);
    EXPECT_TRUE(done.has_value());
    return out;
  }

  TempDir dir_;
  std::unique_ptr<Engine> engine_ = make_engine(GetParam(), dir_);
  test::ManualExecutor loop_;
};

// In any order, with neighbours that nobody asked for, and with rows that are not there.
TEST_P(EngineTest, ManyRowsAreAsThoseReadOneByOne) {
  std::mt19937_64 random(1);
  const auto below = [&random](uint64_t n) { return random() % n; };
  const auto name = [&] {
    return std::string(1, static_cast<char>('a' + below(6))) + std::to_string(below(3));
  };
  for (int round = 0; round < 30; ++round) {
    std::vector<Step> steps;
    for (int i = 0; i < 20; ++i) {
      const Partition partition{PartitionKind::blob, below(12)};
      steps.push_back(below(4) == 0 ? erase(partition, name())
                                    : put(partition, name(), std::string(1 + below(3000), 'v')));
    }
    ASSERT_TRUE(transact(std::move(steps)));
    std::vector<RowName> names;
    for (int i = 0; i < 60; ++i) names.push_back({{PartitionKind::blob, below(13)}, name()});
    if (round % 3 != 0) {
      std::ranges::sort(names, {}, [](const RowName& row) { return std::pair(row.partition.id, row.key); });
    }
    size_t met = 0;
    ASSERT_TRUE(engine_->get_many(names, [&](size_t i, std::optional<std::string_view> value) {
      EXPECT_EQ(i, met++);
      EXPECT_EQ(value ? std::string(*value) : "<none>", get(names[i].partition, names[i].key));
      return i + 1 < 50;
    }));
    EXPECT_EQ(met, 50u);
  }
}

TEST_P(EngineTest, AReadMayBeBegun) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1")}));
  const Begun<std::string> begun;
  engine_->begin_read(
      [begun](const Reader& reader) { begun.give(reader.get(kAccount, "a").value().value_or("<none>")); });
  EXPECT_EQ(loop_.run(begun.take()), "1");
}

TEST_P(EngineTest, StepsOfOneTransactionAreDoneTogether) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1"), put(kBlob, "b", "2")}));
  EXPECT_EQ(get(kAccount, "a"), "1");
  EXPECT_EQ(get(kBlob, "b"), "2");
  EXPECT_EQ(get(kAccount, "b"), "<none>");
}

TEST_P(EngineTest, AFaultUndoesAllStepsBeforeIt) {
  ASSERT_TRUE(transact({put(kAccount, "a", "old"), put(kAccount, "gone", "x")}));
  const Step failing{kAccount,
                     [](Transaction&) -> Result<void> { return fail(FaultKind::over_quota, "full"); }};
  const auto done = transact({put(kAccount, "a", "new"), put(kBlob, "b", "new"), erase(kAccount, "gone"),
                              put(kAccount, "c", "new"), failing});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::over_quota);
  EXPECT_EQ(get(kAccount, "a"), "old");
  EXPECT_EQ(get(kAccount, "gone"), "x");
  EXPECT_EQ(get(kAccount, "c"), "<none>");
  EXPECT_EQ(get(kBlob, "b"), "<none>");
}

TEST_P(EngineTest, AStepSeesWhatWasDoneBeforeIt) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1"), put(kAccount, "b", "2"), put(kAccount, "d", "4")}));
  std::string forward, back;
  std::optional<std::string> b, c;
  const Step look{kAccount, [&](Transaction& rows) -> Result<void> {
                    b = *rows.get("b");
                    c = *rows.get("c");
                    (void)rows.scan("", "", [&](std::string_view key, std::string_view value) {
                      forward += std::string(key) + std::string(value) + " ";
                      return true;
                    });
                    (void)rows.scan_back("a", "d", [&](std::string_view key, std::string_view value) {
                      back += std::string(key) + std::string(value) + " ";
                      return true;
                    });
                    return {};
                  }};
  ASSERT_TRUE(transact({erase(kAccount, "b"), put(kAccount, "c", "3"), put(kAccount, "d", "5"), look}));
  EXPECT_EQ(b, std::nullopt);
  EXPECT_EQ(c, "3");
  EXPECT_EQ(forward, "a1 c3 d5 ");
  EXPECT_EQ(back, "c3 a1 ");
}

TEST_P(EngineTest, ScansAreCutAtTheirEndsAndAtThePartition) {
  const Partition before{PartitionKind::account, 6};
  const Partition behind{PartitionKind::account, 8};
  ASSERT_TRUE(transact({put(before, "z", "x"), put(behind, "a", "x"), put(kAccount, "a", ""),
                        put(kAccount, "b", ""), put(kAccount, "ba", ""), put(kAccount, "c", ""),
                        put(kAccount, std::string("\xff\xff", 2), "")}));
  EXPECT_EQ(keys(kAccount, "", ""), "a b ba c \xff\xff ");
  EXPECT_EQ(keys(kAccount, "b", "c"), "b ba ");
  EXPECT_EQ(keys(kAccount, "bb", ""), "c \xff\xff ");
  EXPECT_EQ(keys(kAccount, "c", "b"), "");
  EXPECT_EQ(keys(kAccount, "", "", true), "\xff\xff c ba b a ");
  EXPECT_EQ(keys(kAccount, "b", "c", true), "ba b ");
}

TEST_P(EngineTest, AVisitorEndsItsScan) {
  ASSERT_TRUE(transact({put(kAccount, "a", ""), put(kAccount, "b", ""), put(kAccount, "c", "")}));
  int seen = 0;
  ASSERT_TRUE(
      engine_->scan(kAccount, "", "", [&](std::string_view, std::string_view) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
}

TEST_P(EngineTest, AVisitorMayEraseInAStep) {
  ASSERT_TRUE(transact({put(kAccount, "a", ""), put(kAccount, "b", ""), put(kAccount, "c", "")}));
  const Step clear{kAccount, [](Transaction& rows) -> Result<void> {
                     return rows.scan("", "c", [&](std::string_view key, std::string_view) {
                       rows.erase(std::string(key));
                       return true;
                     });
                   }};
  ASSERT_TRUE(transact({put(kAccount, "ab", ""), clear}));
  EXPECT_EQ(keys(kAccount, "", ""), "c ");
}

TEST_P(EngineTest, TheHighestIdIsAPartitionLikeOthers) {
  const Partition last{PartitionKind::account, UINT64_MAX};
  const Partition next_kind{PartitionKind::blob, 0};
  ASSERT_TRUE(transact({put(last, "a", "1"), put(next_kind, "b", "2")}));
  EXPECT_EQ(keys(last, "", ""), "a ");
  ASSERT_TRUE(loop_.run(engine_->erase_partition(last)));
  EXPECT_EQ(keys(last, "", ""), "");
  EXPECT_EQ(keys(next_kind, "", ""), "b ");
}

TEST_P(EngineTest, PutAheadIsThereForLaterSteps) {
  ASSERT_TRUE(loop_.run(engine_->put_ahead(kBlob, "c1", "chunk")));
  EXPECT_EQ(get(kBlob, "c1"), "chunk");
}

TEST_P(EngineTest, FetchGivesARowOrNothing) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1")}));
  const auto found = loop_.run(engine_->fetch(kAccount, "a"));
  ASSERT_TRUE(found);
  EXPECT_EQ(*found, "1");
  const auto missing = loop_.run(engine_->fetch(kAccount, "b"));
  ASSERT_TRUE(missing);
  EXPECT_EQ(*missing, std::nullopt);
}

TEST_P(EngineTest, ReadSeesOneMomentAndGivesItsFault) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1")}));
  std::string seen;
  std::function<Result<void>(const Reader&)> look = [&](const Reader& reader) -> Result<void> {
    seen = **reader.get(kAccount, "a");
    return {};
  };
  ASSERT_TRUE(loop_.run(engine_->read(look)));
  EXPECT_EQ(seen, "1");
  std::function<Result<void>(const Reader&)> broken = [](const Reader&) -> Result<void> {
    return fail(FaultKind::corrupt, "bad");
  };
  const auto done = loop_.run(engine_->read(broken));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::corrupt);
}

TEST_P(EngineTest, WatchesHearOfTheirPartitionOnly) {
  std::atomic<int> heard{0};
  auto watch = engine_->watch(kAccount, [&] { ++heard; });
  ASSERT_TRUE(transact({put(kBlob, "a", "1")}));
  EXPECT_EQ(heard, 0);
  ASSERT_TRUE(transact({put(kAccount, "a", "1"), put(kAccount, "b", "1")}));
  EXPECT_EQ(heard, 1);
  const Step failing{kAccount, [](Transaction&) -> Result<void> { return fail(FaultKind::policy, "no"); }};
  ASSERT_FALSE(transact({put(kAccount, "a", "2"), failing}));
  EXPECT_EQ(heard, 1);
  ASSERT_TRUE(loop_.run(engine_->erase_partition(kAccount)));
  EXPECT_EQ(heard, 2);
  watch.reset();
  ASSERT_TRUE(transact({put(kAccount, "a", "3")}));
  EXPECT_EQ(heard, 2);
}

TEST_P(EngineTest, ErasedPartitionIsEmptyAndMayBeFilledAgain) {
  ASSERT_TRUE(transact({put(kAccount, "a", "1"), put(kBlob, "a", "1")}));
  ASSERT_TRUE(loop_.run(engine_->erase_partition(kAccount)));
  ASSERT_TRUE(loop_.run(engine_->erase_partition(kAccount)));
  EXPECT_EQ(get(kAccount, "a"), "<none>");
  EXPECT_EQ(get(kBlob, "a"), "1");
  ASSERT_TRUE(transact({put(kAccount, "a", "2")}));
  EXPECT_EQ(get(kAccount, "a"), "2");
}

TEST_P(EngineTest, HintsComeWithTheirTransaction) {
  const Step hinting{kAccount, [](Transaction& rows) -> Result<void> {
                       rows.hint("care");
                       return {};
                     }};
  const Step failing{kAccount, [](Transaction&) -> Result<void> { return fail(FaultKind::policy, "no"); }};
  ASSERT_FALSE(transact({hinting, failing}));
  EXPECT_EQ(keys(hints_partition(), "", ""), "");
  ASSERT_TRUE(transact({hinting}));
  engine_->hint("soon");
  ASSERT_TRUE(transact({put(kAccount, "a", "")}));  // in order behind it
  EXPECT_EQ(keys(hints_partition(), "", ""), "care soon ");
}

TEST_P(EngineTest, ListsPartitionsOfAKind) {
  ASSERT_TRUE(
      transact({put({PartitionKind::blob, 3}, "a", ""), put({PartitionKind::blob, 3}, "b", ""),
                put({PartitionKind::blob, 9}, "a", ""), put({PartitionKind::blob, UINT64_MAX}, "a", ""),
                put({PartitionKind::account, 5}, "a", "")}));
  std::vector<uint64_t> found;
  const PartitionVisitor visit = [&](uint64_t id) {
    found.push_back(id);
    return true;
  };
  ASSERT_TRUE(engine_->partitions(PartitionKind::blob, 0, visit));
  EXPECT_EQ(found, (std::vector<uint64_t>{3, 9, UINT64_MAX}));
  found.clear();
  ASSERT_TRUE(engine_->partitions(PartitionKind::blob, 4, [&](uint64_t id) {
    found.push_back(id);
    return false;
  }));
  EXPECT_EQ(found, (std::vector<uint64_t>{9}));
}

// Four threads count one row up; a lost update would leave it short.
TEST_P(EngineTest, StepsAreDoneOneAfterAnother) {
  constexpr int kThreads = 4, kRounds = 200;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      test::ManualExecutor mine;
      for (int i = 0; i < kRounds; ++i) {
        const Step count{kAccount, [](Transaction& rows) -> Result<void> {
                           const auto row = rows.get("n");
                           if (!row) return std::unexpected(row.error());
                           rows.put("n", std::to_string(std::stoi(row->value_or("0")) + 1));
                           return {};
                         }};
        if (!mine.run(engine_->transact({count}))) ++failed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(get(kAccount, "n"), std::to_string(kThreads * kRounds));
}

TEST_P(EngineTest, AnEmptyTransactionIsFine) {
  EXPECT_TRUE(transact({}));
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineTest, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace posthouse::engine
