// EXPUNGE of many messages: one row hides them, their own rows are removed later (store/expunged_row.h).
#include <gmock/gmock.h>

#include "engine/record.h"
#include "forty_letters.h"
#include "store/account_view.h"
#include "store/expunged_row.h"
#include "store/hiding.h"
#include "store/limits.h"
#include "store/rows.h"

namespace posthouse::store {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

UidList list_of(const std::vector<Uid>& uids) {
  UidList out;
  for (const Uid uid : uids) out.append(uid);
  return out;
}

TEST(ExpungedRow, ComesBackFromItsRecord) {
  ExpungedRow row;
  row.parts.push_back({SystemTime(milliseconds(77)), true, list_of({1, 2, 3, 9, UINT32_MAX})});
  row.parts.push_back({SystemTime(milliseconds(78)), false, list_of({5})});
  const Result<ExpungedRow> back = decode_expunged(encode(row));
  ASSERT_TRUE(back);
  ASSERT_THAT(back->parts, SizeIs(2));
  EXPECT_EQ(back->parts[0].when, SystemTime(milliseconds(77)));
  EXPECT_TRUE(back->parts[0].keep);
  EXPECT_FALSE(back->parts[1].keep);
  EXPECT_EQ(back->runs(), 4u);
  for (const Uid uid : {1u, 3u, 5u, 9u, UINT32_MAX}) EXPECT_TRUE(back->contains(uid)) << uid;
  for (const Uid uid : {0u, 4u, 6u, 10u}) EXPECT_FALSE(back->contains(uid)) << uid;
}

TEST(ExpungedRow, LosesWhatIsFinished) {
  ExpungedRow row;
  row.parts.push_back({SystemTime(), true, list_of({1, 2, 3})});
  row.parts.push_back({SystemTime(), true, list_of({5, 6})});
  row.remove({2, 5, 6});
  ASSERT_THAT(row.parts, SizeIs(1));
  EXPECT_EQ(row.runs(), 2u);
  row.remove({1, 3});
  EXPECT_TRUE(row.empty());
}

TEST(ExpungedRow, NoDamageIsTakenForUids) {
  ExpungedRow row;
  row.parts.push_back({SystemTime(milliseconds(1)), true, list_of({1, 2, 7})});
  const std::string record = encode(row);
  for (size_t at = 0; at < record.size(); ++at) {
    std::string bad = record;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    EXPECT_FALSE(decode_expunged(bad)) << at;
    EXPECT_FALSE(decode_expunged(record.substr(0, at))) << at;
  }
}

// Counts the rows that are met on the way back.
class CountingReader final : public engine::Reader {
 public:
  explicit CountingReader(const engine::Reader& rows) : rows_(rows) {}
  Result<std::optional<std::string>> get(engine::Partition partition, std::string_view key) const override {
    return rows_.get(partition, key);
  }
  Result<void> scan(engine::Partition partition, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    return rows_.scan(partition, begin, end, visit);
  }
  Result<void> scan_back(engine::Partition partition, std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override {
    return rows_.scan_back(partition, begin, end, [&](std::string_view key, std::string_view value) {
      ++met;
      return visit(key, value);
    });
  }
  Result<void> partitions(engine::PartitionKind kind, uint64_t first,
                          const engine::PartitionVisitor& visit) const override {
    return rows_.partitions(kind, first, visit);
  }
  mutable size_t met = 0;

 private:
  const engine::Reader& rows_;
};

// `GetParam`: whether expunged messages may come back.
class Hidden : public testing::TestWithParam<bool>, protected FortyLetters {
 protected:
  Hidden() : FortyLetters(GetParam()) {
    store_.on_hidden([this](AccountId account) { woken_.push_back(account); }, 10, [](AccountId) {});
    fill();
  }
  void expunge(const std::vector<Uid>& uids) {
    bed_.must(
        store_.update_flags(kAlice, inbox_, uids, {FlagChange::add, FlagSet{kDeleted, {"work"}}, {}, {}}));
    EXPECT_EQ(bed_.must(store_.expunge(kAlice, inbox_, uids)), uids);
  }
  size_t rows(std::string_view prefix) {
    size_t count = 0;
    EXPECT_TRUE(bed_.engine->scan(account_partition(kAlice), std::string(prefix),
                                  prefix_end(std::string(prefix)), [&](std::string_view, std::string_view) {
                                    ++count;
                                    return true;
                                  }));
    return count;
  }
};

TEST_P(Hidden, TheyAreGoneAtOnceAndTheirRowsLater) {
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  expunge(range(5, 34));
  EXPECT_THAT(woken_, ElementsAre(kAlice));
  EXPECT_EQ(rows(kFlagsPrefix), size_t{kCount});
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(10));
  const MailboxInfo info = bed_.must(store_.mailbox(kAlice, inbox_));
  EXPECT_EQ(info.exists, 10u);
  EXPECT_EQ(info.deleted, 0u);
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 10u);
  EXPECT_EQ(bed_.must(store_.group_usage("example.test")).messages, 10u);
  EXPECT_EQ(bed_.must(store_.changes(kAlice, inbox_, before)).vanished, range(5, 34));
  EXPECT_THAT(problems(), IsEmpty());

  bed_.must(store_.finish_expunges());
  EXPECT_EQ(rows(kFlagsPrefix), 10u);
  EXPECT_EQ(rows("R"), 10u);
  EXPECT_EQ(rows(kExpungedPrefix), 0u);
  EXPECT_EQ(rows(kKeptPrefix), GetParam() ? 30u : 0u);
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(10));
  EXPECT_EQ(bed_.must(store_.changes(kAlice, inbox_, before)).vanished, range(5, 34));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(Hidden, NothingCanBeDoneWithThem) {
  expunge(range(1, 30));
  const auto flagged = bed_.must(
      store_.update_flags(kAlice, inbox_, range(1, 31), {FlagChange::add, FlagSet{kSeen, {}}, {}, {}}));
  EXPECT_THAT(flagged.entries, SizeIs(1));
  EXPECT_THAT(bed_.must(store_.copy(kAlice, inbox_, range(1, 31), "Archive", Quota())).from, ElementsAre(31));
  EXPECT_THAT(bed_.must(store_.move(kAlice, inbox_, range(1, 30), "Archive")).from, IsEmpty());
  EXPECT_THAT(bed_.must(store_.expunge(kAlice, inbox_, range(1, 30))), IsEmpty());
  EXPECT_THAT(bed_.must(store_.entries(kAlice, inbox_, range(1, 30), true)), IsEmpty());
  bed_.must(store_.finish_expunges());
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(10));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(Hidden, WhoAsksForNewsDoesNotWalkOverThem) {
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  expunge(range(11, kCount));
  bed_.must_append(kAlice, "INBOX", "another");
  const CountingReader reader(*bed_.engine);
  const Result<Changes> news = AccountView(reader, kAlice).changes(inbox_, before);
  ASSERT_TRUE(news);
  EXPECT_EQ(news->vanished, range(11, kCount));
  EXPECT_THAT(news->changed, SizeIs(1));
  EXPECT_EQ(reader.met, 2u);  // the new one, and one that was there before
}

TEST_P(Hidden, WhoAsksForExpungedOnesGetsThemAll) {
  expunge(range(1, 30));
  const auto kept = bed_.must(store_.kept(kAlice, {}, std::nullopt, SIZE_MAX));
  ASSERT_THAT(kept, SizeIs(GetParam() ? 30 : 0));
  if (kept.empty()) return;
  EXPECT_THAT(kept[0].flags.keywords, ElementsAre("work"));
  EXPECT_THAT(kept[0].summary, HasSubstr("letter 1"));
  Restored restored;
  std::vector<KeptPlace> places;
  for (const KeptMessage& message : kept) places.push_back(message.place);
  bed_.must(store_.undelete(kAlice, std::move(places), Quota(), restored));
  EXPECT_EQ(restored.messages, 30u);
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(kCount));
  std::vector<std::string> bodies;
  for (const Entry& entry : bed_.all(kAlice, inbox_))
    bodies.push_back(bed_.must(store_.read(kAlice, entry, 0, UINT64_MAX)));
  for (Uid uid = 1; uid <= kCount; ++uid) EXPECT_THAT(bodies, Contains("letter " + std::to_string(uid)));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(Hidden, AMailboxThatIsDeletedTakesThemAlong) {
  bed_.must(store_.move(kAlice, inbox_, range(1, kCount), "Archive"));
  inbox_ = bed_.id_of(kAlice, "Archive");
  expunge(range(1, 30));
  bed_.must(store_.delete_mailbox(kAlice, "Archive"));
  EXPECT_EQ(rows(kExpungedPrefix), 0u);
  EXPECT_EQ(rows(kFlagsPrefix), 0u);
  EXPECT_EQ(rows(kKeptPrefix), GetParam() ? size_t{kCount} : 0u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(Hidden, AnotherStoreOnTheSameRowsFinishesThem) {
  expunge(range(1, 30));
  MailStore after(*bed_.engine, bed_.clock, bed_.random, kKeptExpunges, GetParam());
  if (bed_.mirror) after.use_files(&*bed_.mirror);
  EXPECT_THAT(bed_.must(after.entries(kAlice, inbox_, 0, UINT32_MAX, SIZE_MAX, false)), SizeIs(10));
  while (bed_.must(after.sweep(false)) > 0) {
  }
  EXPECT_EQ(rows(kExpungedPrefix), 0u);
  EXPECT_EQ(rows(kFlagsPrefix), 10u);
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(GetParam() ? kCount : 10) +
                              (GetParam() && StoreBed::format() != Format::database ? 30u : 0u));
}

TEST_P(Hidden, RecoveryLeavesThemGone) {
  expunge(range(1, 30));
  bed_.must(store_.settle(kAlice));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 10u);
  bed_.must(store_.finish_expunges());
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(10));
  EXPECT_EQ(rows(kKeptPrefix), GetParam() ? 30u : 0u);
}

TEST_P(Hidden, ADamagedRowShowsThemAgainAndIsTold) {
  expunge(range(1, 30));
  std::vector<engine::Step> steps;
  steps.push_back({account_partition(kAlice), [this](engine::Transaction& rows) -> Result<void> {
                     rows.put(expunged_key(inbox_), "not a record");
                     return {};
                   }});
  bed_.must(bed_.engine->transact(std::move(steps)));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(kCount));
  EXPECT_THAT(problems(), Contains(HasSubstr("expunged messages: record is damaged")));
  bed_.must(store_.settle(kAlice));
  bed_.must(store_.recount_group("example.test", {kAlice}));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_THAT(bed_.uids(kAlice, inbox_), SizeIs(kCount));
}

TEST(HiddenRuns, ThoseThatAreTooScatteredGoAtOnce) {
  StoreBed bed;
  bed.store.on_hidden([](AccountId) {});
  bed.must(bed.store.create_account(kAlice, ""));
  const MailboxId inbox = bed.id_of(kAlice, "INBOX");
  std::vector<Uid> even;
  for (Uid uid = 1; uid <= 2 * (kHiddenRuns + 1); ++uid) {
    bed.must_append(kAlice, "INBOX", "x");
    if (uid % 2 == 0) even.push_back(uid);
  }
  bed.must(bed.store.update_flags(kAlice, inbox, even, {FlagChange::add, FlagSet{kDeleted, {}}, {}, {}}));
  EXPECT_EQ(bed.must(bed.store.expunge(kAlice, inbox, even)), even);
  EXPECT_THAT(bed.uids(kAlice, inbox), SizeIs(kHiddenRuns + 1));
  size_t rows = 0;
  EXPECT_TRUE(bed.engine->scan(account_partition(kAlice), std::string(kFlagsPrefix),
                               prefix_end(std::string(kFlagsPrefix)),
                               [&](std::string_view, std::string_view) {
                                 ++rows;
                                 return true;
                               }));
  EXPECT_EQ(rows, kHiddenRuns + 1);
}

TEST(Hiding, IsPausedAsLongAsAnybodyWantsThat) {
  Hiding hiding;
  {
    const Hiding::Pause first(hiding, kAlice);
    {
      const Hiding::Pause second(hiding, kAlice);
      EXPECT_FALSE(hiding.allowed(kAlice));
    }
    EXPECT_FALSE(hiding.allowed(kAlice));
    EXPECT_TRUE(hiding.allowed(kAlice + 1));
  }
  EXPECT_TRUE(hiding.allowed(kAlice));
}

// There and back: what is hidden when it begins is finished first, in whatever format it is.
TEST(HiddenOnes, AreKeptByAConversion) {
  StoreBed bed("memory", kKeptExpunges, true);
  if (!bed.mirror) bed.mirror.emplace(*bed.engine, bed.clock, bed.random, bed.ids);
  bed.store.use_files(&*bed.mirror);
  bed.store.on_hidden([](AccountId) {}, 5);
  bed.must(bed.store.create_account(kAlice, ""));
  const MailboxId inbox = bed.id_of(kAlice, "INBOX");
  const auto expunge = [&](std::vector<Uid> uids) {
    bed.must(bed.store.update_flags(kAlice, inbox, uids, {FlagChange::add, FlagSet{kDeleted, {}}, {}, {}}));
    EXPECT_EQ(bed.must(bed.store.expunge(kAlice, inbox, uids)), uids);
  };
  for (Uid uid = 1; uid <= 30; ++uid) bed.must_append(kAlice, "INBOX", "letter " + std::to_string(uid));
  expunge({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  FilePlace place;
  place.format = Format::maildir;
  place.inbox = bed.dir.path() + "/maildir";
  bed.must(bed.store.convert(kAlice, place));
  EXPECT_THAT(bed.uids(kAlice, inbox), SizeIs(20));
  expunge({11, 12, 13, 14, 15, 16, 17, 18});
  bed.must(bed.store.convert(kAlice, FilePlace()));
  EXPECT_THAT(bed.uids(kAlice, inbox), SizeIs(12));
  const auto kept = bed.must(bed.store.kept(kAlice, {}, std::nullopt, SIZE_MAX));
  ASSERT_THAT(kept, SizeIs(18));
  Restored restored;
  std::vector<KeptPlace> places;
  for (const KeptMessage& message : kept) places.push_back(message.place);
  bed.must(bed.store.undelete(kAlice, std::move(places), Quota(), restored));
  std::vector<std::string> bodies;
  for (const Entry& entry : bed.all(kAlice, inbox))
    bodies.push_back(bed.must(bed.store.read(kAlice, entry, 0, UINT64_MAX)));
  for (Uid uid = 1; uid <= 30; ++uid) EXPECT_THAT(bodies, Contains("letter " + std::to_string(uid)));
  EXPECT_THAT(bed.problems({kAlice}), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Keeping, Hidden, testing::Bool(),
                         [](const auto& test) { return test.param ? "Kept" : "ForGood"; });

}  // namespace
}  // namespace posthouse::store
