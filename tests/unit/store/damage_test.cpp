// Damaged rows: found by check(), reported, and never in the way of others.
#include <gmock/gmock.h>

#include "engine/blob_format.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr AccountId kAlice = 11;

class DamageTest : public testing::Test {
 protected:
  DamageTest() {
    bed_.must(bed_.store.create_account(kAlice));
    inbox_ = bed_.id_of(kAlice, "INBOX");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(bed_.append(kAlice, "INBOX", "letter " + std::to_string(i)));
    EXPECT_TRUE(bed_.problems({kAlice}).empty());
  }
  void damage(engine::Partition partition, std::string key) {
    const engine::Step step{partition, [key](engine::Transaction& rows) -> Result<void> {
                              std::string row = **rows.get(key);
                              row[row.size() / 2] = static_cast<char>(row[row.size() / 2] ^ 0x10);
                              rows.put(key, row);
                              return {};
                            }};
    bed_.must(bed_.engine->transact({step}));
  }
  void erase(engine::Partition partition, std::string key) {
    const engine::Step step{partition, [key](engine::Transaction& rows) -> Result<void> {
                              rows.erase(key);
                              return {};
                            }};
    bed_.must(bed_.engine->transact({step}));
  }
  engine::Partition alice() const { return account_partition(kAlice); }

  StoreBed bed_;
  MailboxId inbox_ = 0;
};

TEST_F(DamageTest, ListingsPassOverDamagedFlags) {
  damage(alice(), flags_key(inbox_, 2));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(1, 3));
  const auto opened = bed_.must(bed_.store.open(kAlice, inbox_, true));
  EXPECT_EQ(opened.uids.size(), 2u);
  EXPECT_EQ(opened.info.exists, 2u);
  EXPECT_EQ(bed_.must(bed_.store.changes(kAlice, inbox_, 0)).changed.size(), 2u);
  const FlagUpdate deleted{FlagChange::add, FlagSet{kDeleted, {}}, {}, {}};
  EXPECT_EQ(bed_.must(bed_.store.update_flags(kAlice, inbox_, {1, 2, 3}, deleted)).entries.size(), 2u);
  EXPECT_THAT(bed_.must(bed_.store.expunge(kAlice, inbox_, {1, 2, 3})), ElementsAre(1, 3));
  EXPECT_THAT(bed_.problems({kAlice}), Contains(HasSubstr("message 2: message flags: record is damaged")));
}

TEST_F(DamageTest, ADamagedSummaryLeavesTheMessageReadable) {
  damage(alice(), message_key(inbox_, 2));
  const auto found = bed_.must(bed_.store.entries(kAlice, inbox_, 1, 3, 10, true));
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[1].summary, "");
  EXPECT_EQ(found[2].summary, "summary of letter 2");
  EXPECT_EQ(bed_.must(bed_.store.read(kAlice, found[1], 0, 100)), "letter 1");
  EXPECT_THAT(bed_.problems({kAlice}), Contains(HasSubstr("message 2: message: record is damaged")));
}

TEST_F(DamageTest, ADamagedBodyIsSaidToBe) {
  const auto found = bed_.all(kAlice, inbox_);
  damage(engine::blob_partition(found[1].blob), std::string(engine::kHeadKey));
  EXPECT_EQ(bed_.fault(bed_.store.read(kAlice, found[1], 0, 100)), FaultKind::corrupt);
  EXPECT_EQ(bed_.must(bed_.store.read_whole(kAlice, found, 10000)).size(), 1u);  // up to the damaged one
  EXPECT_EQ(bed_.must(bed_.store.read(kAlice, found[2], 0, 100)), "letter 2");
  EXPECT_FALSE(bed_.problems({kAlice}).empty());
}

TEST_F(DamageTest, ADamagedHeadStopsThatAccountOnly) {
  bed_.must(bed_.store.create_account(12));
  damage(alice(), std::string(kHeadKey));
  EXPECT_EQ(bed_.fault(bed_.store.usage(kAlice)), FaultKind::corrupt);
  EXPECT_EQ(bed_.append(kAlice, "INBOX", "x").error().kind, FaultKind::corrupt);
  EXPECT_TRUE(bed_.append(12, "INBOX", "x"));
  EXPECT_FALSE(bed_.problems({kAlice, 12}).empty());
}

TEST_F(DamageTest, ADamagedMailboxRowLeavesTheOthersListed) {
  damage(alice(), mailbox_key(inbox_));
  EXPECT_EQ(bed_.must(bed_.store.mailboxes(kAlice)).size(), 5u);
  EXPECT_EQ(bed_.fault(bed_.store.open(kAlice, inbox_, false)), FaultKind::corrupt);
}

TEST_F(DamageTest, CheckFindsWhatIsMissing) {
  const auto found = bed_.all(kAlice, inbox_);
  erase(engine::blob_partition(found[0].blob),
        engine::reference_key(MailStore::blob_reference(kAlice, found[0].delivery)));
  erase(alice(), message_key(inbox_, 2));
  erase(alice(), flags_key(inbox_, 3));
  erase(alice(), name_key("Sent"));
  const auto problems = bed_.problems({kAlice});
  EXPECT_THAT(problems,
              Contains(HasSubstr("message 1: its body does not know it; `posthouse store repair`")));
  EXPECT_THAT(problems, Contains(HasSubstr("nothing refers to it")));
  EXPECT_THAT(problems, Contains(HasSubstr("message 2: has no record")));
  EXPECT_THAT(problems, Contains(HasSubstr("message 3: has no flags")));
  EXPECT_THAT(problems, Contains(HasSubstr("counts 3 messages and has 2")));
  EXPECT_THAT(problems, Contains(HasSubstr("belongs to no message")));
  EXPECT_THAT(problems, Contains(HasSubstr("mailbox Sent: its name does not lead to it")));
}

TEST_F(DamageTest, CheckSaysHowToBeRidOfAMessageWithoutABody) {
  const auto found = bed_.all(kAlice, inbox_);
  erase(engine::blob_partition(found[2].blob), std::string(engine::kHeadKey));
  erase(engine::blob_partition(found[2].blob),
        engine::reference_key(MailStore::blob_reference(kAlice, found[2].delivery)));
  EXPECT_THAT(bed_.problems({kAlice}),
              Contains(HasSubstr("message 3: its body does not know it, for that is lost; delete it with a "
                                 "mail program and use `posthouse mailbox purge`")));
}

TEST_F(DamageTest, CheckTellsItsProgress) {
  std::vector<std::pair<uint64_t, uint64_t>> told;
  const auto report = bed_.must(
      bed_.store.check({kAlice}, [&](uint64_t done, uint64_t total) { told.emplace_back(done, total); }));
  EXPECT_EQ(report.accounts, 1u);
  EXPECT_EQ(report.mailboxes, 6u);
  EXPECT_EQ(report.messages, 3u);
  EXPECT_EQ(report.blobs, 3u);
  ASSERT_EQ(told.size(), 4u);
  EXPECT_EQ(told.back(), (std::pair<uint64_t, uint64_t>{4, 4}));
}

}  // namespace
}  // namespace posthouse::store
