// Rows that the store can't read: the letters beside and behind them go on.
#include <gmock/gmock.h>

#include <set>

#include "support/engine_with_faults.h"
#include "unit/queue/house.h"

namespace posthouse::queue {
namespace {

using Keys = std::set<std::string, std::less<>>;

std::unexpected<Fault> damage() {
  return fail(FaultKind::corrupt, "checksum mismatch");
}

// Whoever walks into one of the rows is stopped there.
class DamagedReader : public engine::Reader {
 public:
  DamagedReader(const engine::Reader& inside, const Keys& damaged) : inside_(inside), damaged_(damaged) {}
  Result<std::optional<std::string>> get(engine::Partition p, std::string_view key) const override {
    if (damaged_.contains(key)) return damage();
    return inside_.get(p, key);
  }
  Result<void> scan(engine::Partition p, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    bool met = false;
    Result<void> done = inside_.scan(p, begin, end, [&](std::string_view key, std::string_view value) {
      met = damaged_.contains(key);
      return !met && visit(key, value);
    });
    if (met) return damage();
    return done;
  }
  Result<void> scan_back(engine::Partition, std::string_view, std::string_view,
                         const engine::RowVisitor&) const override {
    return damage();
  }
  Result<void> partitions(engine::PartitionKind, uint64_t, const engine::PartitionVisitor&) const override {
    return damage();
  }

 private:
  const engine::Reader& inside_;
  const Keys& damaged_;
};

class DamagedTransaction : public engine::Transaction {
 public:
  DamagedTransaction(engine::Transaction& inside, Keys& damaged) : inside_(inside), damaged_(damaged) {}
  Result<std::optional<std::string>> get(std::string_view key) const override {
    if (damaged_.contains(key)) return damage();
    return inside_.get(key);
  }
  Result<void> scan(std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    return inside_.scan(begin, end, visit);
  }
  Result<void> scan_back(std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override {
    return inside_.scan_back(begin, end, visit);
  }
  void put(std::string_view key, std::string_view value) override {
    damaged_.erase(std::string(key));
    inside_.put(key, value);
  }
  void erase(std::string_view key) override {
    damaged_.erase(std::string(key));
    inside_.erase(key);
  }
  void hint(std::string_view key) override { inside_.hint(key); }

 private:
  engine::Transaction& inside_;
  Keys& damaged_;
};

class DamagedEngine : public test::EngineWithFaults {
 public:
  explicit DamagedEngine(std::unique_ptr<engine::Engine> inside)
      : EngineWithFaults(*inside), owned_(std::move(inside)) {}

  Keys damaged;

  Task<Result<void>> read(std::function<Result<void>(const engine::Reader&)> look) override {
    auto over_damage = [this, look = std::move(look)](const engine::Reader& rows) {
      return look(DamagedReader(rows, damaged));
    };
    return owned_->read(std::move(over_damage));
  }
  Task<Result<void>> transact(std::vector<engine::Step> all) override {
    for (engine::Step& step : all) {
      step.apply = [this, apply = std::move(step.apply)](engine::Transaction& rows) {
        DamagedTransaction wrapped(rows, damaged);
        return apply(wrapped);
      };
    }
    return owned_->transact(std::move(all));
  }

 private:
  std::unique_ptr<engine::Engine> owned_;
};

class QueueDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = std::make_unique<DamagedEngine>(engine::make_memory_engine());
    engine_ = made.get();
    house_.queue.reset();
    house_.engine = std::move(made);
    house_.restart();
    for (LetterId id = 1; id <= 9; ++id) {
      ASSERT_TRUE(house_.stage(house_.letter(id)));
      due_.push_back(schedule_millis(house_.clock.now()));
      house_.clock.advance(seconds(1));
    }
  }

  testing::House house_;
  DamagedEngine* engine_ = nullptr;
  std::vector<uint64_t> due_;
};

TEST_F(QueueDamage, AnUnreadableLetterIsSetAside) {
  engine_->damaged.insert(letter_key(4));
  EXPECT_EQ(house_.lease(), (std::vector<LetterId>{1, 2, 3, 5, 6, 7, 8, 9}));
  const auto aside = house_.executor.run(house_.queue->list_set_aside(10)).value();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].id, 4u);
  EXPECT_EQ(aside[0].reason, "checksum mismatch");
  EXPECT_EQ(house_.totals().set_aside, 1u);
  EXPECT_EQ(house_.totals().waiting, 8u);
  EXPECT_TRUE(house_.executor.run(house_.queue->discard(4)));
}

TEST_F(QueueDamage, AnUnreadableStretchOfTheScheduleStopsNobodyBehindIt) {
  for (const LetterId id : {4, 5, 8}) engine_->damaged.insert(schedule_key({due_[id - 1], id}));
  EXPECT_EQ(house_.due(), (std::vector<LetterId>{1, 2, 3, 6, 7, 9}));
  EXPECT_EQ(house_.lease(2), (std::vector<LetterId>{1, 2}));
  EXPECT_EQ(house_.lease(), (std::vector<LetterId>{3, 6, 7, 9}));
  EXPECT_EQ(house_.next_due(), std::nullopt);
  // The operator's retry gives the others new places.
  Filter all;
  EXPECT_TRUE(house_.executor.run(house_.queue->retry_now(all)));
  EXPECT_EQ(house_.lease(), (std::vector<LetterId>{4, 5, 8}));
}

TEST_F(QueueDamage, AllOfTheScheduleUnreadable) {
  for (LetterId id = 1; id <= 9; ++id) engine_->damaged.insert(schedule_key({due_[id - 1], id}));
  EXPECT_TRUE(house_.lease().empty());
  EXPECT_EQ(house_.next_due(), std::nullopt);
}

// Rows of the queue were lost with a damaged block of a table.
TEST(SettlingQueue, LettersHaveTheirPlacesAgain) {
  testing::House house;
  for (const LetterId id : {1, 2, 3}) ASSERT_TRUE(house.stage(house.letter(id)));
  const engine::PartitionRange lost{{engine::PartitionKind::blob, 2}, {engine::PartitionKind::blob, 2}};
  ASSERT_TRUE(house.transact({shard_of(0), [](engine::Transaction& rows) -> Result<void> {
                                std::vector<std::string> keys{std::string("n")};
                                static_cast<void>(
                                    rows.scan(kScheduleBegin, kScheduleEnd, [&](auto key, auto) {
                                      keys.emplace_back(key);
                                      return keys.size() < 3;
                                    }));
                                for (const std::string& key : keys) rows.erase(key);
                                return {};
                              }}));
  ASSERT_TRUE(house.transact(engine::drop_reference(2, Queue::blob_reference(2), std::nullopt)));
  house.restart();
  EXPECT_EQ(house.due(), std::vector<LetterId>{3});
  ASSERT_TRUE(house.executor.run(house.queue->settle({lost})));
  EXPECT_EQ(house.due(), (std::vector<LetterId>{1, 2, 3}));
  EXPECT_EQ(house.totals().letters, 3u);
  EXPECT_EQ(house.totals().waiting, 3u);
  house.sweep();
  EXPECT_TRUE(house.blob_readable(2));
}

}  // namespace
}  // namespace posthouse::queue
