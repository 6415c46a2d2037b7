// What can't be read is told once and passed over.
#include "store/forgiving_reader.h"

#include <gmock/gmock.h>

#include "engine/record.h"
#include "store/orphans.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;

constexpr AccountId kAlice = 11;
constexpr MailboxId kInbox = 3;
constexpr Uid kLetters = 500;

// Stumbles over a stretch of one mailbox's messages, as over a block of a table.
class Damaged final : public engine::Reader {
 public:
  Damaged(const engine::Reader& inside, Uid first, Uid last) : inside_(inside), first_(first), last_(last) {}

  Result<std::optional<std::string>> get(engine::Partition partition, std::string_view key) const override {
    if (bad(key)) return fail(FaultKind::corrupt, "damaged block");
    return inside_.get(partition, key);
  }
  Result<void> scan(engine::Partition partition, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    bool met = false;
    Result<void> done =
        inside_.scan(partition, begin, end, [&](std::string_view key, std::string_view value) {
          met = bad(key);
          return !met && visit(key, value);
        });
    if (met) return fail(FaultKind::corrupt, "damaged block");
    return done;
  }
  Result<void> scan_back(engine::Partition partition, std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override {
    return inside_.scan_back(partition, begin, end, visit);
  }
  Result<void> partitions(engine::PartitionKind kind, uint64_t first,
                          const engine::PartitionVisitor& visit) const override {
    return inside_.partitions(kind, first, visit);
  }

 private:
  bool bad(std::string_view key) const {
    return key.starts_with(kFlagsPrefix) && uid_of_key(key) >= first_ && uid_of_key(key) <= last_;
  }

  const engine::Reader& inside_;
  Uid first_, last_;
};

class ForgivingReaderTest : public testing::Test {
 protected:
  ForgivingReaderTest() {
    const engine::Step step{account_partition(kAlice), [](engine::Transaction& rows) -> Result<void> {
                              for (Uid uid = 1; uid <= kLetters; ++uid) rows.put(flags_key(kInbox, uid), "x");
                              return {};
                            }};
    bed_.must(bed_.engine->transact({step}));
  }
  std::vector<Uid> read(Uid first_bad, Uid last_bad) {
    const Damaged damaged(*bed_.engine, first_bad, last_bad);
    const ForgivingReader reader(damaged, [this](std::string line) { told_.push_back(std::move(line)); });
    std::vector<Uid> found;
    EXPECT_TRUE(reader.scan(account_partition(kAlice), flags_key(kInbox, 0), flags_end(kInbox, UINT32_MAX),
                            [&](std::string_view key, std::string_view) {
                              found.push_back(uid_of_key(key));
                              return true;
                            }));
    EXPECT_EQ(reader.missed_accounts(), !told_.empty());
    return found;
  }
  static std::vector<Uid> all_but(Uid first, Uid last) {
    std::vector<Uid> out;
    for (Uid uid = 1; uid <= kLetters; ++uid) {
      if (uid < first || uid > last) out.push_back(uid);
    }
    return out;
  }

  StoreBed bed_;
  std::vector<std::string> told_;
};

TEST_F(ForgivingReaderTest, NothingIsToldOfWhatIsInOrder) {
  EXPECT_EQ(read(0, 0).size(), kLetters);
  EXPECT_TRUE(told_.empty());
}

TEST_F(ForgivingReaderTest, AScanGoesOnBehindADamagedBlock) {
  EXPECT_EQ(read(100, 237), all_but(100, 237));
  EXPECT_THAT(told_, ElementsAre("damaged block"));
}

TEST_F(ForgivingReaderTest, DamageAtTheBeginning) {
  EXPECT_EQ(read(1, 5), all_but(1, 5));
}

TEST_F(ForgivingReaderTest, DamageUpToTheEnd) {
  EXPECT_EQ(read(400, kLetters), all_but(400, kLetters));
}

// Or a body would get a second message while its first can't be read.
TEST_F(ForgivingReaderTest, WhoLooksForBodiesWithoutMessagesIsTold) {
  const Damaged damaged(*bed_.engine, 7, 9);
  EXPECT_TRUE(find_orphans(damaged, {kAlice})->missed);
  EXPECT_FALSE(find_orphans(*bed_.engine, {kAlice})->missed);
}

TEST_F(ForgivingReaderTest, ARowThatCannotBeReadPassesForAMissingOne) {
  const Damaged damaged(*bed_.engine, 7, 7);
  const ForgivingReader reader(damaged, [this](std::string line) { told_.push_back(std::move(line)); });
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(reader.get(account_partition(kAlice), flags_key(kInbox, 7)).value(), std::nullopt);
  EXPECT_EQ(told_.size(), 1u);
  EXPECT_EQ(reader.get(account_partition(kAlice), flags_key(kInbox, 8)).value(), "x");
}

}  // namespace
}  // namespace posthouse::store
