// STORE of many messages in one row (store/pending_flags.h), and sheets of flags (store/flag_sheets.h).
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>

#include "forty_letters.h"
#include "store/flag_sheets.h"
#include "store/pending_flags.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

UidList list_of(const std::vector<Uid>& uids) {
  UidList list;
  for (const Uid uid : uids) list.append(uid);
  return list;
}

std::vector<uint8_t> some_numbers(std::mt19937& random) {
  std::vector<uint8_t> numbers;
  for (uint8_t n = 0; n < 6; ++n) {
    if (random() % 3 == 0) numbers.push_back(n);
  }
  return numbers;
}

FlagsEdit some_edit(std::mt19937& random) {
  FlagsEdit edit;
  edit.clear = static_cast<uint8_t>(random() % 32);
  edit.add = static_cast<uint8_t>(random() % 32);
  edit.clear_keywords = random() % 4 == 0;
  if (!edit.clear_keywords) edit.without = some_numbers(random);
  edit.with = some_numbers(random);
  return edit;
}

TEST(FlagsEdit, TwoInOneDoWhatTheyDoInTurn) {
  std::mt19937 random(7);
  for (int i = 0; i < 5'000; ++i) {
    const FlagsEdit first = some_edit(random), second = some_edit(random), both = first.then(second);
    const auto system = static_cast<uint8_t>(random() % 32);
    const std::vector<uint8_t> keywords = some_numbers(random);
    ASSERT_EQ(both.flags(system), second.flags(first.flags(system)));
    ASSERT_EQ(both.keywords(keywords), second.keywords(first.keywords(keywords)));
  }
}

TEST(PendingFlags, AreReadAsTheyWereWritten) {
  PendingFlags row;
  ASSERT_TRUE(row.add({9, {0, kSeen, false, {1, 4}, {2}}, list_of({1, 2, 3, 7})}, false));
  ASSERT_TRUE(row.add({12, {0xff, 0, true, {}, {0, 255}}, list_of({UINT32_MAX})}, false));
  const std::string record = encode(row);
  const Result<PendingFlags> back = decode_pending(record);
  ASSERT_TRUE(back);
  EXPECT_EQ(encode(*back), record);
  FlagRow message;
  message.keywords = {1, 3};
  back->apply(7, message);
  EXPECT_EQ(message.system, kSeen);
  EXPECT_THAT(message.keywords, ElementsAre(2, 3));
  EXPECT_EQ(message.modseq, 9u);
  EXPECT_TRUE(message.shares);
  for (size_t at = 0; at < record.size(); ++at) {
    std::string bad = record;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    EXPECT_FALSE(decode_pending(bad)) << at;
    EXPECT_FALSE(decode_pending(record.substr(0, at))) << at;
  }
}

TEST(PendingFlags, ARowThatWasWrittenSinceStays) {
  PendingFlags row;
  ASSERT_TRUE(row.add({9, {0, kDraft, false, {}, {}}, list_of({1})}, false));
  FlagRow message;
  message.modseq = 9;
  row.apply(1, message);
  EXPECT_EQ(message.system, 0);
}

TEST(PendingFlags, TheSameMessagesAgainTakeNoMoreRoom) {
  PendingFlags row;
  for (ModSeq modseq = 1; modseq <= 100; ++modseq) {
    const auto flag = static_cast<uint8_t>(modseq % 2 == 0 ? kSeen : kDraft);
    ASSERT_TRUE(row.add({modseq, {0, flag, false, {}, {}}, list_of({1, 2})}, modseq > 1));
  }
  ASSERT_THAT(row.parts, SizeIs(1));
  EXPECT_EQ(row.parts[0].edit.add, kSeen | kDraft);
  EXPECT_EQ(row.parts[0].modseq, 100u);
  for (size_t i = 1; i < kPendingParts; ++i) ASSERT_TRUE(row.add({200 + i, {}, list_of({3})}, false));
  EXPECT_FALSE(row.add({300, {}, list_of({3})}, false));
  EXPECT_THAT(row.parts, SizeIs(kPendingParts));
}

class Pending : public testing::Test, protected FortyLetters {
 protected:
  Pending() : FortyLetters(true) {
    store_.on_hidden([](AccountId) {}, 10, [this](AccountId account) { woken_.push_back(account); });
    store_.keep_sheets(1);
    fill();
  }
  MailStore::Updated flag(const std::vector<Uid>& uids, FlagChange change, FlagSet flags) {
    return bed_.must(store_.update_flags(kAlice, inbox_, uids, {change, std::move(flags), {}, {}, true}));
  }
  bool is_pending() { return row(pending_key(inbox_)).has_value(); }
  std::optional<std::string> row(std::string key) {
    return bed_.must(bed_.engine->fetch(account_partition(kAlice), std::move(key)));
  }
  uint8_t system_in_row(Uid uid) { return decode_flags(*row(flags_key(inbox_, uid))).value().system; }
  FlagSet flags_of(Uid uid) {
    return bed_.must(store_.entries(kAlice, inbox_, std::vector<Uid>{uid}, false)).at(0).flags;
  }
};

TEST_F(Pending, TheFlagsAreThereAtOnceAndInTheRowsLater) {
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  const MailStore::Updated updated = flag(range(5, 34), FlagChange::add, {kSeen | kDeleted, {"work"}});
  EXPECT_THAT(updated.entries, SizeIs(30));
  EXPECT_THAT(woken_, ElementsAre(kAlice));
  EXPECT_EQ(system_in_row(5), 0);
  EXPECT_EQ(flags_of(5), (FlagSet{kSeen | kDeleted, {"work"}}));
  EXPECT_EQ(flags_of(35), FlagSet());
  const MailboxInfo info = bed_.must(store_.mailbox(kAlice, inbox_));
  EXPECT_EQ(info.unseen, 10u);
  EXPECT_EQ(info.deleted, 30u);
  EXPECT_THAT(bed_.must(store_.changes(kAlice, inbox_, before)).changed, SizeIs(30));
  EXPECT_THAT(problems(), IsEmpty());

  bed_.must(store_.finish_expunges());
  EXPECT_FALSE(is_pending());
  EXPECT_EQ(system_in_row(5), kSeen | kDeleted);
  EXPECT_EQ(system_in_row(35), 0);
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq, info.highest_modseq);
  EXPECT_THAT(bed_.must(store_.changes(kAlice, inbox_, before)).changed, SizeIs(30));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Pending, FewChangesAreWrittenAtOnce) {
  flag(range(1, 40), FlagChange::add, {kSeen, {}});
  bed_.must(store_.finish_expunges());
  flag(range(1, 4), FlagChange::remove, {kSeen, {}});
  flag(range(1, 40), FlagChange::add, {kSeen, {}});  // four of them change
  EXPECT_FALSE(is_pending());
  EXPECT_EQ(system_in_row(4), kSeen);
  EXPECT_THAT(problems(), IsEmpty());
}

// What came in between must not be undone by what was there before it, though both go into one part.
TEST_F(Pending, OneThatChangesInBetweenKeepsWhatItGot) {
  flag(range(1, 20), FlagChange::add, {kDraft, {}});
  flag({7}, FlagChange::remove, {kDraft, {}});
  flag(range(1, 20), FlagChange::add, {kFlagged, {}});
  ASSERT_TRUE(is_pending());
  EXPECT_EQ(flags_of(7).system, kFlagged);
  EXPECT_EQ(flags_of(8).system, kFlagged | kDraft);
  EXPECT_THAT(problems(), IsEmpty());
  bed_.must(store_.finish_expunges());
  EXPECT_EQ(system_in_row(7), kFlagged);
  EXPECT_EQ(system_in_row(8), kFlagged | kDraft);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Pending, UnchangedSinceHolds) {
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  flag(range(1, 15), FlagChange::add, {kSeen, {}});
  const auto updated = bed_.must(
      store_.update_flags(kAlice, inbox_, range(1, 40), {FlagChange::add, {kDraft, {}}, {}, before, true}));
  EXPECT_EQ(updated.refused, range(1, 15));
  EXPECT_THAT(updated.updated, SizeIs(25));
  EXPECT_EQ(flags_of(15).system, kSeen);
  EXPECT_EQ(flags_of(16).system, kDraft);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Pending, ExpungedMovedAndCopiedOnesTakeTheirFlagsAlong) {
  flag(range(1, 20), FlagChange::set, {kAnswered, {"work"}});
  const Copied copied = bed_.must(store_.copy(kAlice, inbox_, {1, 2}, "Archive", Quota()));
  const Copied moved = bed_.must(store_.move(kAlice, inbox_, {3}, "Archive"));
  for (const Uid uid : {copied.to.at(0), copied.to.at(1), moved.to.at(0)}) {
    const auto there =
        bed_.must(store_.entries(kAlice, bed_.id_of(kAlice, "Archive"), std::vector<Uid>{uid}, false));
    EXPECT_EQ(there.at(0).flags, (FlagSet{kAnswered, {"work"}}));
  }
  bed_.must(store_.delete_mailbox(kAlice, "Archive"));
  flag({4}, FlagChange::add, {kDeleted, {}});
  bed_.must(store_.expunge(kAlice, inbox_, {4}));
  EXPECT_THAT(problems(), IsEmpty());
  bed_.must(store_.finish_expunges());
  EXPECT_FALSE(is_pending());
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(kCount - 2));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(Pending, ADeletedMailboxTakesThemAlong) {
  bed_.must(store_.copy(kAlice, inbox_, range(1, 20), "Archive", Quota()));
  const MailboxId archive = bed_.id_of(kAlice, "Archive");
  bed_.must(
      store_.update_flags(kAlice, archive, range(1, 20), {FlagChange::add, {kFlagged, {}}, {}, {}, true}));
  bed_.must(store_.delete_mailbox(kAlice, "Archive"));
  bed_.must(store_.finish_expunges());
  EXPECT_FALSE(row(pending_key(archive)).has_value());
  EXPECT_THAT(problems(), IsEmpty());
  if (StoreBed::format() != Format::database) return;
  const auto kept = bed_.must(store_.kept(kAlice, {}, {}, 99));
  ASSERT_THAT(kept, SizeIs(20));
  for (const KeptMessage& message : kept) EXPECT_EQ(message.flags.system, kFlagged);
}

TEST_F(Pending, ADamagedRowIsToldAndRepaired) {
  flag(range(1, 20), FlagChange::add, {kFlagged, {}});
  bed_.put_row(kAlice, pending_key(inbox_), "no record");
  EXPECT_THAT(problems(), testing::Not(IsEmpty()));
  bed_.must(store_.finish_expunges());
  bed_.must(store_.settle(kAlice));
  EXPECT_FALSE(is_pending());
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(kCount));
}

TEST_F(Pending, SurviveARepair) {
  flag(range(1, 20), FlagChange::add, {kFlagged | kSeen, {"work"}});
  bed_.must(store_.settle(kAlice));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(flags_of(20), (FlagSet{kFlagged | kSeen, {"work"}}));
  bed_.must(store_.finish_expunges());
  EXPECT_EQ(flags_of(20), (FlagSet{kFlagged | kSeen, {"work"}}));
  EXPECT_THAT(problems(), IsEmpty());
}

// A sheet that is brought up to date again and again is what one made anew would be.
TEST(FlagSheet, FollowsWhatHappens) {
  std::mt19937 random(3);
  const KeywordTable table({"a", "b", "c"});
  std::map<Uid, FlagRow> messages;
  std::shared_ptr<const FlagSheet> sheet = FlagSheetWriter(table).finish(1, 1);
  Uid next = 1;
  for (int round = 0; round < 200; ++round) {
    FlagSheetWriter writer(*sheet, table);
    std::set<Uid> touched;
    for (size_t n = random() % 20; n > 0 && next > 1; --n) touched.insert(1 + random() % (next - 1));
    for (const Uid uid : touched) {
      if (random() % 3 == 0) {
        messages.erase(uid);
        writer.remove(uid);
      } else if (messages.contains(uid)) {
        FlagRow& row = messages[uid];
        row.system = static_cast<uint8_t>(random() % 32);
        row.keywords = {static_cast<uint8_t>(random() % 3)};
        ASSERT_TRUE(writer.put(uid, row));
      }
    }
    for (size_t n = random() % (round % 10 == 0 ? 700 : 4); n > 0; --n) {
      ASSERT_TRUE(writer.put(next, FlagRow()));
      messages[next++] = FlagRow();
    }
    sheet = writer.finish(1, static_cast<ModSeq>(round));
    ASSERT_EQ(sheet->size(), messages.size());
    auto expected = messages.begin();
    sheet->for_each(0, UINT32_MAX, [&](const FlagSheet::Mark& mark) {
      EXPECT_EQ(mark.uid, expected->first);
      EXPECT_EQ(mark.system, expected->second.system);
      EXPECT_EQ(sheet->keywords(mark).numbers, expected->second.keywords);
      ++expected;
      return !testing::Test::HasFailure();
    });
    ASSERT_EQ(expected, messages.end());
  }
}

TEST(FlagSheet, ManyLongKeywordsAreTooMuch) {
  std::vector<std::string> names;
  for (int n = 0; n < 200; ++n) names.push_back(std::string(90, 'k') + std::to_string(n));
  const KeywordTable table(names);
  std::shared_ptr<const FlagSheet> sheet = FlagSheetWriter(table).finish(1, 1);
  bool fits = true;
  Uid uid = 0;
  for (int round = 0; fits && round < 200; ++round) {
    FlagSheetWriter writer(*sheet, table);
    FlagRow row;
    for (int n = round % 2; n <= round; n += 2) row.keywords.push_back(static_cast<uint8_t>(n));
    fits = writer.put(++uid, row);
    if (fits) sheet = writer.finish(1, uid);
  }
  EXPECT_FALSE(fits);
  EXPECT_GT(uid, 10u);
}

TEST(FlagSheet, EndsAreInIt) {
  const KeywordTable table;
  FlagSheetWriter first(table);
  for (const Uid uid : {1u, 5u, UINT32_MAX}) ASSERT_TRUE(first.put(uid, FlagRow()));
  const auto sheet = first.finish(1, 1);
  FlagSheetWriter second(*sheet, table);
  FlagRow seen;
  seen.system = kSeen;
  ASSERT_TRUE(second.put(5, seen));
  const auto now = second.finish(1, 2);
  std::vector<Uid> unseen;
  now->for_each(1, UINT32_MAX, [&](const FlagSheet::Mark& mark) {
    if ((mark.system & kSeen) == 0) unseen.push_back(mark.uid);
    return true;
  });
  EXPECT_THAT(unseen, ElementsAre(1u, UINT32_MAX));
  size_t within = 0;
  now->for_each(2, 5, [&](const FlagSheet::Mark&) { return ++within != 0; });
  EXPECT_EQ(within, 1u);
}

}  // namespace
}  // namespace posthouse::store
