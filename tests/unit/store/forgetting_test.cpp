// The log of changes forgets the oldest expunges, says up to where, and keeps that over a restart.
#include <gmock/gmock.h>

#include "engine/record.h"
#include "store/change_rows.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr AccountId kAccount = 5;
constexpr uint32_t kKept = 20;

size_t logged(const engine::Engine& engine, MailboxId mailbox) {
  size_t changes = 0;
  EXPECT_TRUE(engine.scan(account_partition(kAccount), change_key(mailbox, 0, 0),
                          prefix_end(change_key(mailbox, UINT64_MAX, UINT32_MAX)),
                          [&](std::string_view key, std::string_view value) {
                            const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
                            EXPECT_TRUE(row);
                            changes += row ? row->size() : 0;
                            return true;
                          }));
  return changes;
}

class ForgettingTest : public testing::TestWithParam<const char*> {
 protected:
  ForgettingTest() {
    bed_.must(store_.create_account(kAccount, "", bed_.place(kAccount)));
    inbox_ = bed_.id_of(kAccount, "INBOX");
  }

  // Puts one in, marked, and expunges it.
  void come_and_go() {
    FlagSet flags;
    flags.system = kDeleted;
    const Result<Placed> placed = bed_.append(kAccount, "INBOX", "x", flags);
    ASSERT_TRUE(placed);
    EXPECT_THAT(bed_.must(store_.expunge(kAccount, inbox_, {placed->uid})), ElementsAre(placed->uid));
  }
  MailboxInfo info() { return bed_.must(store_.mailbox(kAccount, inbox_)); }
  Changes since(ModSeq modseq) { return bed_.must(store_.changes(kAccount, inbox_, modseq)); }

  StoreBed bed_{GetParam(), kKept};
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
};

TEST_P(ForgettingTest, TheLogStaysBounded) {
  ASSERT_TRUE(bed_.append(kAccount, "INBOX", "stays"));
  const ModSeq start = info().highest_modseq;
  for (int i = 0; i < 15; ++i) come_and_go();
  EXPECT_FALSE(since(start).forgetful);
  EXPECT_EQ(info().forgotten, 0u);
  for (int i = 0; i < 85; ++i) {
    come_and_go();
    EXPECT_LE(logged(*bed_.engine, inbox_), kKept + kKept / 10 + 1);
  }
  EXPECT_EQ(info().expunges, logged(*bed_.engine, inbox_));
  EXPECT_GE(info().expunges, kKept);
  EXPECT_THAT(bed_.problems({kAccount}), IsEmpty());
}

TEST_P(ForgettingTest, WhoKnowsTooLittleIsTold) {
  std::vector<ModSeq> seen;
  std::vector<Uid> there;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(bed_.append(kAccount, "INBOX", "x"));
  FlagUpdate mark;
  mark.change = FlagChange::add;
  mark.flags.system = kDeleted;
  for (Uid uid = 1; uid <= 50; ++uid) {
    bed_.must(store_.update_flags(kAccount, inbox_, {uid}, mark));
    seen.push_back(info().highest_modseq);
    bed_.must(store_.expunge(kAccount, inbox_, {uid}));
  }
  EXPECT_TRUE(since(seen.front()).forgetful);
  // From some point on the log tells all, and says so; before it never claims to.
  int complete = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    const Changes changes = since(seen[i]);
    EXPECT_TRUE(changes.forgetful || changes.vanished.size() == seen.size() - i) << i;
    complete += changes.forgetful ? 0 : 1;
  }
  EXPECT_GE(complete, static_cast<int>(kKept));
  EXPECT_FALSE(since(info().highest_modseq).forgetful);
}

// One transaction gives all it removes the same MODSEQ; the part that is forgotten may end within it.
TEST_P(ForgettingTest, ManyAtOnce) {
  std::vector<Uid> uids;
  FlagSet flags;
  flags.system = kDeleted;
  for (int i = 0; i < 150; ++i) uids.push_back(bed_.append(kAccount, "INBOX", "x", flags)->uid);
  const ModSeq before = info().highest_modseq;
  EXPECT_EQ(bed_.must(store_.expunge(kAccount, inbox_, uids)).size(), 150u);
  EXPECT_LE(logged(*bed_.engine, inbox_), kKept + kKept / 10);
  EXPECT_EQ(info().expunges, logged(*bed_.engine, inbox_));
  EXPECT_TRUE(since(before).forgetful);
  for (int i = 0; i < 30; ++i) come_and_go();
  EXPECT_LE(logged(*bed_.engine, inbox_), kKept + kKept / 10);
  EXPECT_THAT(bed_.problems({kAccount}), IsEmpty());
}

TEST_P(ForgettingTest, MovedMessagesCountToo) {
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(bed_.append(kAccount, "INBOX", "x"));
  for (Uid uid = 1; uid <= 60; ++uid) bed_.must(store_.move(kAccount, inbox_, {uid}, "Trash"));
  EXPECT_LE(logged(*bed_.engine, inbox_), kKept + kKept / 10);
  EXPECT_GT(info().forgotten, 0u);
  EXPECT_EQ(logged(*bed_.engine, bed_.id_of(kAccount, "Trash")), 0u);
  EXPECT_THAT(bed_.problems({kAccount}), IsEmpty());
}

TEST_P(ForgettingTest, FlagChangesAreNeverForgotten) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(bed_.append(kAccount, "INBOX", "x"));
  const ModSeq start = info().highest_modseq;
  FlagUpdate seen;
  seen.change = FlagChange::add;
  seen.flags.system = kSeen;
  for (Uid uid = 1; uid <= 50; ++uid) bed_.must(store_.update_flags(kAccount, inbox_, {uid}, seen));
  for (int i = 0; i < 50; ++i) come_and_go();
  const Changes changes = since(start);
  EXPECT_TRUE(changes.forgetful);
  EXPECT_EQ(changes.changed.size(), 50u);
}

INSTANTIATE_TEST_SUITE_P(Engines, ForgettingTest, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

TEST(Forgetting, TheFloorOutlivesARestart) {
  engine::TempDir dir;
  test::ManualExecutor loop;
  test::FakeClock clock;
  test::SeededRandom random;
  IdSource ids(clock, random);
  ModSeq forgotten = 0;
  uint32_t expunges = 0;
  for (int round = 0; round < 2; ++round) {
    auto engine = engine::open_rocks_engine(engine::small_options(dir.path()));
    ASSERT_TRUE(engine);
    MailStore store(**engine, clock, random, kKept);
    ASSERT_TRUE(loop.run(store.create_account(kAccount)));  // repeatable
    const MailboxInfo before = *loop.run(store.mailbox(kAccount, std::string("INBOX")));
    EXPECT_EQ(before.forgotten, forgotten);
    EXPECT_EQ(before.expunges, expunges);
    for (int i = 0; round == 0 && i < 30; ++i) {
      engine::BlobWriter writer(**engine, ids.next());
      ASSERT_TRUE(loop.run(writer.append("x")));
      NewMessage message;
      message.flags.system = kDeleted;
      const auto placed = loop.run(store.append(kAccount, "INBOX", writer, message, Quota()));
      ASSERT_TRUE(placed);
      ASSERT_TRUE(loop.run(store.expunge(kAccount, before.id, {placed->uid})));
    }
    const MailboxInfo after = *loop.run(store.mailbox(kAccount, std::string("INBOX")));
    forgotten = after.forgotten;
    expunges = after.expunges;
    EXPECT_GT(forgotten, 0u);
    EXPECT_TRUE(loop.run(store.changes(kAccount, before.id, 1))->forgetful);
  }
}

// A mailbox row of the first version, which had no such counts, is still understood.
TEST(Forgetting, RowsOfTheFirstVersionAreRead) {
  const std::string record = engine::RecordWriter(1)
                                 .bytes("Sent")
                                 .u8(static_cast<uint8_t>(Role::sent))
                                 .varint(7)
                                 .varint(9)
                                 .varint(11)
                                 .varint(3)
                                 .varint(2)
                                 .varint(1)
                                 .varint(500)
                                 .varint(4)
                                 .finish();
  const Result<MailboxRow> row = decode_mailbox(3, record);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->name, "Sent");
  EXPECT_EQ(row->first_recent, 4u);
  EXPECT_EQ(row->expunges, 0u);
  EXPECT_EQ(row->forgotten, 0u);
  EXPECT_EQ(decode_mailbox(3, encode(*row))->uid_next, 9u);
}

}  // namespace
}  // namespace posthouse::store
