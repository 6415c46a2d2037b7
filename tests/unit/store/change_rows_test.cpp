// Rows of the log of changes that many messages share.
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "engine/record.h"
#include "store/change_rows.h"
#include "store/limits.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr AccountId kAccount = 5;

using Known = std::map<Uid, ModSeq>;

Known known(const ChangeRow& row) {
  Known out;
  row.for_each([&out](Uid uid, ModSeq created) { return out.emplace(uid, created).second; });
  return out;
}

ChangeRow row_of(const Known& changes, bool expunged) {
  ChangeRow row;
  row.expunged = expunged;
  for (const auto& [uid, created] : changes) EXPECT_TRUE(row.add(uid, created));
  return row;
}

TEST(ChangeRows, OnesOfTheFirstVersionAreReadAndWrittenAsEver) {
  const std::string record = engine::RecordWriter(1).u8(1).varint(77).finish();
  const Result<ChangeRow> row = decode_change(9, record);
  ASSERT_TRUE(row);
  EXPECT_FALSE(row->shared);
  EXPECT_TRUE(row->expunged);
  EXPECT_EQ(known(*row), (Known{{9, 77}}));
  EXPECT_EQ(encode(*row), record);
}

TEST(ChangeRows, ARunWithoutAGapIsShort) {
  ChangeRow row;
  for (Uid uid = 100; uid < 4'100; ++uid) ASSERT_TRUE(row.add(uid, uid * 3));
  EXPECT_THAT(row.runs, SizeIs(1));
  EXPECT_LT(encode(row).size(), 16u);
  EXPECT_EQ(row.size(), 4'000u);
  EXPECT_EQ(row.last(), 4'099u);
}

TEST(ChangeRows, ExpungesKnowWhenEachCame) {
  const Known changes{{5, 10},         {6, 12}, {7, 14}, {8, 14}, {9, 14}, {20, 40}, {UINT32_MAX - 1, 41},
                      {UINT32_MAX, 41}};
  const ChangeRow row = row_of(changes, true);
  EXPECT_THAT(row.runs, SizeIs(4));
  const Result<ChangeRow> again = decode_change(5, encode(row));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->shared);
  EXPECT_TRUE(again->expunged);
  EXPECT_EQ(known(*again), changes);
}

TEST(ChangeRows, ARowGetsNoLargerThanItMay) {
  ChangeRow gaps;
  Uid uid = 1;
  while (gaps.add(uid, 0)) uid += 2;
  EXPECT_EQ(gaps.runs.size(), kRunsInRow);
  ChangeRow dense;
  uid = 1;
  while (dense.add(uid, 0)) ++uid;
  EXPECT_EQ(dense.size(), kChangesInRow);
  EXPECT_FALSE(dense.add(uid + 1, 0));
  EXPECT_TRUE(decode_change(1, encode(dense)));
}

TEST(ChangeRows, WhatCannotBeIsRefused) {
  const auto shared = [](uint64_t first, uint64_t count) {
    return engine::RecordWriter(2).u8(0).varint(1).varint(first).varint(count).finish();
  };
  EXPECT_TRUE(decode_change(7, shared(7, 3)));
  EXPECT_FALSE(decode_change(6, shared(7, 3))) << "not where its key says";
  EXPECT_FALSE(decode_change(7, shared(7, 0)));
  EXPECT_FALSE(decode_change(0, shared(0, 1)));
  EXPECT_FALSE(decode_change(1, shared(1, kChangesInRow + 1))) << "more than anybody wrote";
  EXPECT_FALSE(decode_change(UINT32_MAX, shared(UINT32_MAX, 2)));
  EXPECT_FALSE(decode_change(7, shared(uint64_t{7} + (uint64_t{1} << 32), 1)));
  EXPECT_FALSE(decode_change(7, engine::RecordWriter(2).u8(0).varint(0).finish())) << "empty";
  EXPECT_FALSE(decode_change(7, engine::RecordWriter(2).u8(0).varint(2).varint(7).varint(1).finish()));
  EXPECT_FALSE(decode_change(7, engine::RecordWriter(2).u8(0).varint(1).varint(7).varint(1).u8(0).finish()));
  EXPECT_FALSE(decode_change(7, engine::RecordWriter(3).u8(0).varint(1).varint(7).varint(1).finish()));
}

TEST(ChangeRows, TakingOutDoesAsASetDoes) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Known changes;
    ModSeq created = 1;
    Uid uid = 0;
    for (int i = 0; i < 60; ++i) {
      uid += 1 + (random() % 4 == 0 ? random() % 5 : 0);
      created += random() % 3;
      changes[uid] = created;
    }
    ChangeRow row = row_of(changes, true);
    while (!changes.empty()) {
      std::set<Uid> taken;
      for (int i = 0; i < 9; ++i) taken.insert(1 + static_cast<Uid>(random() % (uid + 2)));
      if (random() % 8 == 0)
        for (const auto& [there, when] : changes) taken.insert(there);
      size_t expected = 0;
      for (const Uid one : taken) expected += changes.erase(one);
      ASSERT_EQ(row.remove({taken.begin(), taken.end()}), expected);
      ASSERT_EQ(known(row), changes);
      if (changes.empty()) break;
      const Result<ChangeRow> again = decode_change(changes.begin()->first, encode(row));
      ASSERT_TRUE(again);
      ASSERT_EQ(known(*again), changes);
    }
    EXPECT_THAT(row.runs, IsEmpty());
  }
}

TEST(ChangeRows, AMessageSaysThatItSharesARow) {
  FlagRow row;
  row.system = kSeen | kDraft;
  EXPECT_EQ(encode(row)[0], 2);
  row.shares = true;
  const std::string record = encode(row);
  EXPECT_EQ(record[0], 3);
  const Result<FlagRow> again = decode_flags(record);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->shares);
  EXPECT_EQ(again->system, kSeen | kDraft);
}

// What the store does with them.
class SharedChanges : public testing::TestWithParam<const char*> {
 protected:
  static constexpr Uid kMessages = 200;
  SharedChanges() {
    bed_.must(store_.create_account(kAccount, "", bed_.place(kAccount)));
    inbox_ = bed_.id_of(kAccount, "INBOX");
    for (Uid i = 0; i < kMessages; ++i) EXPECT_TRUE(bed_.append(kAccount, "INBOX", "x"));
  }
  struct Row {
    std::string key;
    ChangeRow row;
  };
  std::vector<Row> log() {
    std::vector<Row> rows;
    EXPECT_TRUE(bed_.engine->scan(account_partition(kAccount), change_key(inbox_, 0, 0),
                                  prefix_end(change_key(inbox_, UINT64_MAX, UINT32_MAX)),
                                  [&](std::string_view key, std::string_view value) {
                                    const Result<ChangeRow> row = decode_change(uid_of_key(key), value);
                                    if (row) rows.push_back({std::string(key), *row});
                                    return true;
                                  }));
    return rows;
  }
  static std::vector<Uid> from_to(Uid first, Uid last, Uid step = 1) {
    std::vector<Uid> uids;
    for (Uid uid = first; uid <= last; uid += step) uids.push_back(uid);
    return uids;
  }
  void mark(const std::vector<Uid>& uids, uint8_t flag) {
    const FlagUpdate update{FlagChange::add, FlagSet{flag, {}}, {}, {}};
    EXPECT_EQ(bed_.must(store_.update_flags(kAccount, inbox_, uids, update)).entries.size(), uids.size());
  }
  ModSeq highest() { return bed_.must(store_.mailbox(kAccount, inbox_)).highest_modseq; }
  std::vector<Uid> changed_since(ModSeq modseq) {
    const Changes changes = bed_.must(store_.changes(kAccount, inbox_, modseq));
    EXPECT_FALSE(changes.forgetful);
    std::vector<Uid> uids;
    for (const Entry& entry : changes.changed) uids.push_back(entry.uid);
    return uids;
  }
  std::vector<std::string> problems() { return bed_.problems({kAccount}); }
  // Of the only row that there is with many.
  void damage() {
    const std::vector<Row> rows = log();
    ASSERT_THAT(rows, SizeIs(1));
    const engine::Step step{account_partition(kAccount), [&](engine::Transaction& to) -> Result<void> {
                              std::string record = **to.get(rows[0].key);
                              record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 0x10);
                              to.put(rows[0].key, record);
                              return {};
                            }};
    bed_.must(bed_.engine->transact({step}));
  }

  StoreBed bed_{GetParam()};
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
};

TEST_P(SharedChanges, FewHaveRowsOfTheirOwn) {
  mark(from_to(1, kSharedFrom - 1), kSeen);
  EXPECT_THAT(log(), SizeIs(kSharedFrom - 1));
  mark(from_to(1, kSharedFrom), kDraft);
  ASSERT_THAT(log(), SizeIs(1));
  EXPECT_TRUE(log()[0].row.shared);
  EXPECT_EQ(log()[0].row.size(), kSharedFrom);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, OneThatChangesAgainLeavesTheOthersTogether) {
  const ModSeq start = highest();
  mark(from_to(1, 100), kSeen);
  const ModSeq together = highest();
  for (const Uid uid : {Uid{1}, Uid{100}, Uid{50}, Uid{51}}) mark({uid}, kFlagged);
  EXPECT_THAT(log(), SizeIs(5));
  EXPECT_EQ(uid_of_key(log()[0].key), 2u);
  EXPECT_EQ(log()[0].row.size(), 96u);
  EXPECT_EQ(changed_since(start), from_to(1, 100));
  EXPECT_THAT(changed_since(together), ElementsAre(1, 50, 51, 100));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, NothingStaysOfThoseThatChangedAgain) {
  for (const uint8_t flag : {kSeen, kDraft, kFlagged}) mark(from_to(1, kMessages), flag);
  EXPECT_THAT(log(), SizeIs(1));
  mark(from_to(1, kMessages, 2), kAnswered);
  mark(from_to(2, kMessages, 2), kAnswered);
  for (const Row& row : log()) EXPECT_LE(row.row.runs.size(), kRunsInRow);
  EXPECT_THAT(log(), SizeIs(2 * ((kMessages / 2 + kRunsInRow - 1) / kRunsInRow)));
  EXPECT_THAT(problems(), IsEmpty());
  for (Uid uid = 1; uid <= kMessages; ++uid) mark({uid}, kDeleted);
  EXPECT_THAT(log(), SizeIs(kMessages));
  for (const Row& row : log()) EXPECT_FALSE(row.row.shared);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, ExpungesOfManyShareARow) {
  const ModSeq early = bed_.all(kAccount, inbox_)[29].modseq;  // the first 30 were there
  mark(from_to(11, 150), kDeleted);
  const ModSeq start = highest();
  EXPECT_EQ(bed_.must(store_.expunge(kAccount, inbox_, from_to(1, kMessages))), from_to(11, 150));
  ASSERT_THAT(log(), SizeIs(1));
  EXPECT_TRUE(log()[0].row.expunged);
  EXPECT_EQ(bed_.must(store_.changes(kAccount, inbox_, start)).vanished, from_to(11, 150));
  EXPECT_EQ(bed_.must(store_.changes(kAccount, inbox_, early)).vanished, from_to(11, 30));
  EXPECT_EQ(bed_.must(store_.mailbox(kAccount, inbox_)).expunges, 140u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, MovesDoTheSame) {
  mark(from_to(1, kMessages), kSeen);
  const ModSeq start = highest();
  EXPECT_THAT(bed_.must(store_.move(kAccount, inbox_, from_to(1, kMessages, 2), "Trash")).from,
              SizeIs(kMessages / 2));
  EXPECT_EQ(bed_.must(store_.changes(kAccount, inbox_, start)).vanished, from_to(1, kMessages, 2));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, ADamagedRowIsNamedAndHidesNothing) {
  const ModSeq start = highest();
  mark(from_to(1, 100), kSeen);
  const ModSeq together = highest();
  damage();
  EXPECT_THAT(problems(), Contains(HasSubstr("change of 1: change: record is damaged")));
  const Changes changes = bed_.must(store_.changes(kAccount, inbox_, start));
  EXPECT_TRUE(changes.forgetful);
  EXPECT_THAT(changes.changed, SizeIs(100));
  EXPECT_TRUE(bed_.must(store_.changes(kAccount, inbox_, together)).changed.empty());
  mark({7}, kFlagged);  // in nobody's way
  mark(from_to(50, 120), kFlagged);
  EXPECT_EQ(changed_since(together).size(), 72u);
  bed_.must(store_.settle(kAccount));
  EXPECT_THAT(problems(), IsEmpty());
  mark(from_to(1, kMessages), kDraft);
  EXPECT_THAT(log(), SizeIs(1));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(SharedChanges, ADamagedRowOfExpungesIsAsked) {
  const ModSeq start = highest();
  mark(from_to(1, 100), kDeleted);
  EXPECT_THAT(bed_.must(store_.expunge(kAccount, inbox_, from_to(1, 100))), SizeIs(100));
  damage();
  EXPECT_THAT(problems(), Contains(HasSubstr("counts 100 expunges and has 0")));
  EXPECT_TRUE(bed_.must(store_.changes(kAccount, inbox_, start)).forgetful);
  bed_.must(store_.settle(kAccount));
  EXPECT_THAT(problems(), IsEmpty());
  const Result<Placed> next = bed_.append(kAccount, "INBOX", "x");
  ASSERT_TRUE(next);
  EXPECT_EQ(next->uid, kMessages + 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, SharedChanges, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace posthouse::store
