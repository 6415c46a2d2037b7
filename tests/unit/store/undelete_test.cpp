// Expunged messages that may come back: kept, listed, put back, removed for good.
#include <gmock/gmock.h>

#include "engine/blob.h"
#include "engine/blob_format.h"
#include "engine/record.h"
#include "message/summary.h"
#include "store/account_edit.h"
#include "store/annotations.h"
#include "store/limits.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr AccountId kAlice = 11;

class UndeleteTest : public testing::TestWithParam<const char*> {
 protected:
  UndeleteTest() : bed_(GetParam(), kKeptExpunges, true), store_(bed_.store) {
    bed_.must(store_.create_account(kAlice, "example.test"));
    inbox_ = bed_.id_of(kAlice, "INBOX");
  }
  Uid append(const std::string& mailbox, const std::string& body, FlagSet flags = {}) {
    return bed_.append(kAlice, mailbox, body, std::move(flags)).value().uid;
  }
  void expunge(MailboxId mailbox, std::vector<Uid> uids) {
    bed_.must(store_.update_flags(kAlice, mailbox, uids, {FlagChange::add, FlagSet{kDeleted, {}}, {}, {}}));
    EXPECT_EQ(bed_.must(store_.expunge(kAlice, mailbox, uids)), uids);
  }
  std::vector<KeptMessage> kept(KeptFilter filter = {}) {
    return bed_.must(store_.kept(kAlice, std::move(filter), std::nullopt, SIZE_MAX));
  }
  Result<void> undelete(KeptFilter filter = {}, Quota quota = {}) {
    std::vector<KeptPlace> places;
    for (const KeptMessage& message : kept(std::move(filter))) places.push_back(message.place);
    restored_ = Restored();
    return bed_.run(store_.undelete(kAlice, std::move(places), quota, restored_));
  }
  uint64_t purge(SystemTime before = SystemTime::max()) {
    uint64_t went = 0;
    for (;;) {
      const Restored some = bed_.must(store_.purge_kept(kAlice, before, 2));
      went += some.messages;
      if (some.messages < 2) return went;
    }
  }
  std::vector<std::string> bodies(MailboxId mailbox) {
    std::vector<std::string> out;
    for (const Entry& entry : bed_.all(kAlice, mailbox))
      out.push_back(bed_.must(store_.read(kAlice, entry, 0, UINT64_MAX)));
    return out;
  }
  Usage usage() { return bed_.must(store_.usage(kAlice)); }
  Usage group() { return bed_.must(store_.group_usage("example.test")); }
  std::vector<std::string> problems() { return bed_.problems({kAlice}); }

  StoreBed bed_;
  MailStore& store_;
  MailboxId inbox_ = 0;
  Restored restored_;
};

TEST_P(UndeleteTest, AnExpungedMessageComesBackWithAllButItsUid) {
  append("INBOX", "first");
  append("INBOX", "second", FlagSet{kSeen | kFlagged, {"$Work", "todo"}});
  const Entry before = bed_.all(kAlice, inbox_)[1];
  bed_.clock.advance(std::chrono::hours(5));
  expunge(inbox_, {2});
  EXPECT_EQ(usage().messages, 1u);
  EXPECT_EQ(usage().bytes, 5u);
  EXPECT_EQ(usage().kept_messages, 1u);
  EXPECT_EQ(usage().kept_bytes, 6u);
  EXPECT_EQ(group().messages, 1u);
  EXPECT_EQ(bed_.blobs(), 2u);
  EXPECT_THAT(problems(), IsEmpty());

  const auto found = kept();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].mailbox, "INBOX");
  EXPECT_EQ(found[0].place.uid, 2u);
  EXPECT_EQ(found[0].place.when, bed_.clock.now());
  EXPECT_EQ(found[0].size, 6u);
  EXPECT_EQ(found[0].summary, "summary of second");

  const ModSeq seen = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  ASSERT_TRUE(undelete());
  EXPECT_EQ(restored_.messages, 1u);
  EXPECT_EQ(restored_.bytes, 6u);
  const auto now = bed_.must(store_.entries(kAlice, inbox_, 0, UINT32_MAX, SIZE_MAX, true));
  ASSERT_THAT(now, SizeIs(2));
  EXPECT_EQ(now[1].uid, 3u);
  EXPECT_EQ(now[1].flags, (FlagSet{kSeen | kFlagged, {"$Work", "todo"}}));
  EXPECT_EQ(now[1].internal_date, before.internal_date);
  EXPECT_EQ(now[1].summary, "summary of second");
  EXPECT_THAT(bodies(inbox_), ElementsAre("first", "second"));
  EXPECT_THAT(bed_.must(store_.changes(kAlice, inbox_, seen)).changed, SizeIs(1));
  EXPECT_EQ(usage().messages, 2u);
  EXPECT_EQ(usage().kept_messages, 0u);
  EXPECT_EQ(usage().kept_bytes, 0u);
  EXPECT_EQ(group().bytes, 11u);
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, ADeletedMailboxComesBackWithItsMessages) {
  bed_.must(store_.create_mailbox(kAlice, "a/b"));
  append("a/b", "one", FlagSet{kAnswered, {"Kw"}});
  append("a/b", "two");
  const uint32_t validity = bed_.must(store_.mailbox(kAlice, "a/b")).uid_validity;
  bed_.must(store_.delete_mailbox(kAlice, "a/b"));
  bed_.must(store_.delete_mailbox(kAlice, "a"));
  EXPECT_EQ(usage().messages, 0u);
  EXPECT_EQ(usage().kept_messages, 2u);
  EXPECT_EQ(group().messages, 0u);
  EXPECT_THAT(problems(), IsEmpty());
  ASSERT_TRUE(undelete({"a/b", {}, {}}));
  const MailboxInfo made = bed_.must(store_.mailbox(kAlice, "a/b"));
  EXPECT_GT(made.uid_validity, validity);
  EXPECT_THAT(bodies(made.id), ElementsAre("one", "two"));
  EXPECT_EQ(bed_.all(kAlice, made.id)[0].flags, (FlagSet{kAnswered, {"Kw"}}));
  EXPECT_TRUE(bed_.run(store_.mailbox(kAlice, "a")));
  EXPECT_EQ(group().messages, 2u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, ADeletedMailboxComesBackWithItsAnnotations) {
  const auto annotated = [&](const std::string& name) {
    std::vector<std::string> out;
    for (const Annotation& one : bed_.must(store_.annotations(kAlice, bed_.id_of(kAlice, name))))
      out.push_back(one.name + "=" + one.value);
    return out;
  };
  bed_.must(store_.create_mailbox(kAlice, "a"));
  append("a", "one");
  append("a", "two");
  bed_.must(store_.annotate(kAlice, bed_.id_of(kAlice, "a"),
                            {{"/private/comment", "mine"}, {"/shared/vendor/x", std::string("\0\r\n", 3)}},
                            std::nullopt));
  bed_.must(store_.delete_mailbox(kAlice, "a"));
  EXPECT_THAT(problems(), IsEmpty());
  ASSERT_TRUE(undelete({"a", {}, {}}));
  EXPECT_THAT(annotated("a"),
              ElementsAre("/private/comment=mine", std::string("/shared/vendor/x=\0\r\n", 20)));
  EXPECT_THAT(problems(), IsEmpty());
  // One that was made anew meanwhile keeps what it has.
  bed_.must(store_.delete_mailbox(kAlice, "a"));
  bed_.must(store_.create_mailbox(kAlice, "a"));
  bed_.must(store_.annotate(kAlice, bed_.id_of(kAlice, "a"), {{"/private/comment", "newer"}}, std::nullopt));
  ASSERT_TRUE(undelete({"a", {}, {}}));
  EXPECT_THAT(annotated("a"),
              ElementsAre("/private/comment=newer", std::string("/shared/vendor/x=\0\r\n", 20)));
  // They go with the letters.
  bed_.must(store_.delete_mailbox(kAlice, "a"));
  EXPECT_EQ(purge(), 2u);
  size_t rows = 0;
  std::function<Result<void>(const engine::Reader&)> look = [&](const engine::Reader& reader) {
    return reader.scan(account_partition(kAlice), kKeptAnnotationsPrefix,
                       prefix_end(std::string(kKeptAnnotationsPrefix)),
                       [&](std::string_view, std::string_view) { return ++rows != 0; });
  };
  bed_.must(bed_.engine->read(std::move(look)));
  EXPECT_EQ(rows, 0u);
}

TEST_P(UndeleteTest, ItGoesToItsMailboxUnderWhateverName) {
  const MailboxId box = bed_.must(store_.create_mailbox(kAlice, "old")).id;
  append("old", "one");
  expunge(box, {1});
  bed_.must(store_.rename_mailbox(kAlice, "old", "new"));
  EXPECT_EQ(kept()[0].mailbox, "new");
  EXPECT_THAT(kept({"old", {}, {}}), SizeIs(1));
  EXPECT_THAT(kept({"new", {}, {}}), SizeIs(1));
  EXPECT_THAT(kept({"INBOX", {}, {}}), IsEmpty());
  ASSERT_TRUE(undelete());
  EXPECT_THAT(bodies(box), ElementsAre("one"));
}

TEST_P(UndeleteTest, FiltersChooseByTimeAndUid) {
  for (int i = 1; i <= 4; ++i) append("INBOX", "letter " + std::to_string(i));
  expunge(inbox_, {1, 2});
  bed_.clock.advance(std::chrono::hours(1));
  const SystemTime later = bed_.clock.now();
  expunge(inbox_, {3, 4});
  EXPECT_THAT(kept({"", later, {}}), SizeIs(2));
  ASSERT_TRUE(undelete({"inbox", later, {4}}));
  EXPECT_THAT(bodies(inbox_), ElementsAre("letter 4"));
  const auto first = bed_.must(store_.kept(kAlice, {}, std::nullopt, 2));
  ASSERT_THAT(first, SizeIs(2));
  const auto rest = bed_.must(store_.kept(kAlice, {}, first.back().place, 2));
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].place.uid, 3u);
}

TEST_P(UndeleteTest, TheQuotaHoldsAndWhatDoesNotFitStaysKept) {
  append("INBOX", "123456");
  expunge(inbox_, {1});
  append("INBOX", "12345");
  Quota quota;
  quota.bytes = 10;
  const Result<void> done = undelete({}, quota);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind, FaultKind::over_quota);
  EXPECT_EQ(restored_.messages, 0u);
  quota.bytes = 11;
  quota.group_messages = 1;
  EXPECT_EQ(undelete({}, quota).error().kind, FaultKind::over_quota);
  EXPECT_EQ(usage().kept_messages, 1u);
  EXPECT_THAT(problems(), IsEmpty());
  quota.group_messages = 2;
  EXPECT_TRUE(undelete({}, quota));
  EXPECT_THAT(bodies(inbox_), ElementsAre("12345", "123456"));
}

TEST_P(UndeleteTest, ThePurgeFreesWhatIsOldEnough) {
  const std::string large(3 * engine::kBlobChunk, 'x');
  append("INBOX", "small");
  append("INBOX", large);
  bed_.must(store_.copy(kAlice, inbox_, {1}, "Archive", Quota()));
  expunge(inbox_, {1, 2});
  bed_.clock.advance(std::chrono::hours(1));
  append("INBOX", "young");
  const SystemTime later = bed_.clock.now();
  expunge(inbox_, {3});
  EXPECT_THAT(bed_.must(store_.accounts_with_kept()), ElementsAre(kAlice));
  EXPECT_EQ(purge(later), 2u);
  while (bed_.must(store_.sweep(false)) != 0) {
  }
  EXPECT_EQ(bed_.blobs(), 2u);  // the copy in Archive, and the young one
  EXPECT_EQ(usage().kept_messages, 1u);
  EXPECT_THAT(bed_.must(store_.accounts_with_kept()), ElementsAre(kAlice));
  EXPECT_EQ(purge(), 1u);
  EXPECT_EQ(bed_.blobs(), 1u);
  EXPECT_THAT(bed_.must(store_.accounts_with_kept()), IsEmpty());
  EXPECT_EQ(usage().kept_bytes, 0u);
  EXPECT_THAT(bodies(bed_.id_of(kAlice, "Archive")), ElementsAre("small"));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, WhatWasPutBackIsNotPurged) {
  append("INBOX", "one");
  expunge(inbox_, {1});
  const KeptPlace place = kept()[0].place;
  ASSERT_TRUE(undelete());
  EXPECT_TRUE(undelete());
  EXPECT_EQ(restored_.messages, 0u);
  bed_.must(store_.undelete(kAlice, {place}, Quota(), restored_));  // by a second operator, from an old list
  EXPECT_EQ(restored_.messages, 0u);
  EXPECT_EQ(purge(), 0u);
  EXPECT_THAT(bodies(inbox_), ElementsAre("one"));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, MovingIsNoExpunge) {
  append("INBOX", "one");
  bed_.must(store_.move(kAlice, inbox_, {1}, "Trash"));
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, ARemovedAccountLeavesNothing) {
  append("INBOX", "one");
  append("Trash", "two");
  expunge(inbox_, {1});
  bed_.must(store_.remove_account(kAlice));
  EXPECT_EQ(bed_.blobs(), 0u);
  EXPECT_THAT(bed_.must(store_.accounts_with_kept()), IsEmpty());
  EXPECT_EQ(group().messages, 0u);
  EXPECT_THAT(bed_.problems({}), IsEmpty());
}

TEST_P(UndeleteTest, ACrashWithinADeletionLosesNothing) {
  bed_.must(store_.create_mailbox(kAlice, "x"));
  append("x", "one", FlagSet{0, {"Kw"}});
  const MailboxId id = bed_.id_of(kAlice, "x");
  // As far as the first step of delete_mailbox() comes.
  const engine::Step begun = edit_step(kAlice, [&](AccountEdit& edit) -> Result<void> {
    edit.forget(**edit.mailbox(id), true, bed_.clock.now());
    return {};
  });
  bed_.must(bed_.engine->transact({begun}));
  bed_.must(store_.sweep(true));
  EXPECT_EQ(usage().kept_messages, 1u);
  ASSERT_TRUE(undelete());
  const auto back = bed_.all(kAlice, bed_.id_of(kAlice, "x"));
  ASSERT_THAT(back, SizeIs(1));
  EXPECT_EQ(back[0].flags.keywords, std::vector<std::string>{"Kw"});
}

TEST_P(UndeleteTest, TheCheckTellsWhatIsWrong) {
  append("INBOX", "one");
  append("INBOX", "two");
  expunge(inbox_, {1, 2});
  const auto both = kept();
  ASSERT_THAT(both, SizeIs(2));
  bed_.must(bed_.engine->transact({engine::drop_reference(
      both[0].blob, MailStore::blob_reference(kAlice, both[0].delivery), both[0].size)}));
  const engine::Step harm{account_partition(kAlice), [&](engine::Transaction& rows) -> Result<void> {
                            rows.put(kept_key(both[1].place), "nonsense");
                            return {};
                          }};
  const engine::Step lose{engine::hints_partition(), [](engine::Transaction& rows) -> Result<void> {
                            rows.erase(kept_hint(kAlice));
                            return {};
                          }};
  bed_.must(bed_.engine->transact({harm, lose}));
  const auto told = problems();
  EXPECT_THAT(told,
              testing::Contains(testing::HasSubstr("expunged message 1 of mailbox 1: its body does not")));
  EXPECT_THAT(told,
              testing::Contains(testing::HasSubstr("expunged message 2 of mailbox 1: expunged message")));
  EXPECT_THAT(told,
              testing::Contains(testing::HasSubstr("counts 2 expunged messages of 6 bytes and has 2 of 3")));
  EXPECT_THAT(told, testing::Contains(testing::HasSubstr("nothing leads the purge")));
  // Neither stops the others, and both go in time.
  EXPECT_TRUE(undelete());
  EXPECT_EQ(restored_.messages, 0u);
  EXPECT_EQ(purge(), 2u);
  EXPECT_EQ(usage().kept_messages, 0u);
}

TEST_P(UndeleteTest, AfterDamageNoBodyBelongsToTwo) {
  append("INBOX", "one");
  append("INBOX", "two");
  expunge(inbox_, {1, 2});
  const std::string key = kept_key(kept()[0].place);
  const std::string row = bed_.engine->get(account_partition(kAlice), key).value().value();
  ASSERT_TRUE(undelete({"", {}, {1}}));
  // The row comes back, and the head as well as the hint are lost.
  const engine::Step harm{account_partition(kAlice), [&](engine::Transaction& rows) -> Result<void> {
                            rows.put(key, row);
                            rows.erase(kHeadKey);
                            return {};
                          }};
  const engine::Step lose{engine::hints_partition(), [](engine::Transaction& rows) -> Result<void> {
                            rows.erase(kept_hint(kAlice));
                            return {};
                          }};
  bed_.must(bed_.engine->transact({harm, lose}));
  bed_.must(store_.settle(kAlice));
  bed_.must(store_.set_group(kAlice, "example.test"));
  bed_.must(store_.recount_group("example.test", {kAlice}));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(usage().kept_messages, 1u);
  EXPECT_EQ(purge(), 1u);
  EXPECT_THAT(bodies(inbox_), ElementsAre("one"));
}

TEST_P(UndeleteTest, KeptBodiesGetTheirReferencesBack) {
  const std::string large(2 * engine::kBlobChunk, 'x');
  append("INBOX", large);
  expunge(inbox_, {1});
  const KeptMessage message = kept()[0];
  const std::string reference = MailStore::blob_reference(kAlice, message.delivery);
  const engine::Step lose{engine::blob_partition(message.blob),
                          [&](engine::Transaction& rows) -> Result<void> {
                            rows.erase(engine::reference_key(reference));
                            return {};
                          }};
  bed_.must(bed_.engine->transact({lose}));
  EXPECT_THAT(problems(), testing::Not(IsEmpty()));
  const engine::Partition all{engine::PartitionKind::blob, 0};
  const engine::Partition end{engine::PartitionKind::blob, UINT64_MAX};
  bed_.must(store_.restore_references(kAlice, {{all, end}}));
  EXPECT_THAT(problems(), IsEmpty());
  ASSERT_TRUE(undelete());
  EXPECT_THAT(bodies(inbox_), ElementsAre(large));
}

TEST_P(UndeleteTest, ADomainIsCountedExactly) {
  bed_.must(store_.create_account(12, "example.test"));
  bed_.must(store_.create_account(13, "other.test"));
  append("INBOX", "one");
  ASSERT_TRUE(bed_.append(12, "INBOX", "four"));
  ASSERT_TRUE(bed_.append(13, "INBOX", "seven"));
  EXPECT_EQ(group().messages, 2u);
  EXPECT_EQ(group().bytes, 7u);
  Quota quota;
  quota.group_bytes = 10;
  EXPECT_EQ(bed_.append(kAlice, "INBOX", "four", {}, quota).error().kind, FaultKind::over_quota);
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "six", {}, quota));
  EXPECT_EQ(bed_.fault(store_.copy(12, bed_.id_of(12, "INBOX"), {1}, "Trash", quota)), FaultKind::over_quota);
  EXPECT_EQ(group().bytes, 10u);
  bed_.must(store_.move(kAlice, inbox_, {1}, "Trash"));
  EXPECT_EQ(group().bytes, 10u);
  bed_.must(store_.set_group(12, "other.test"));
  EXPECT_EQ(group().bytes, 6u);
  EXPECT_EQ(bed_.must(store_.group_usage("other.test")).bytes, 9u);
  EXPECT_THAT(bed_.problems({kAlice, 12, 13}), IsEmpty());

  const engine::Step harm{{engine::PartitionKind::system, 2}, [](engine::Transaction& rows) -> Result<void> {
                            rows.put(group_key("example.test"), encode(GroupRow{7, 7}));
                            rows.erase(group_key("other.test"));
                            return {};
                          }};
  bed_.must(bed_.engine->transact({harm}));
  EXPECT_THAT(bed_.problems({kAlice, 12, 13}),
              ElementsAre(testing::HasSubstr("`posthouse domain recount example.test` mends it"),
                          testing::HasSubstr("`posthouse domain recount other.test` mends it")));
  bed_.must(store_.recount_group("example.test", {kAlice}));
  bed_.must(store_.recount_group("other.test", {12, 13}));
  EXPECT_THAT(bed_.problems({kAlice, 12, 13}), IsEmpty());
}

TEST(HeadRow, OneOfTheFirstVersionIsRead) {
  const std::string old =
      engine::RecordWriter(1).varint(9).varint(7).varint(5).varint(3).varint(30).varint(6).finish();
  const Result<HeadRow> head = decode_head(old);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->bytes, 30u);
  EXPECT_EQ(head->kept_messages, 0u);
  EXPECT_EQ(head->group, "");
  EXPECT_EQ(decode_dying(empty_record()).value().name, "");
}

TEST_P(UndeleteTest, ManyAreMarkedAndExpungedInParts) {
  append("INBOX", "x");
  std::vector<Uid> all;
  while ((all = bed_.uids(kAlice, inbox_)).size() <= kFlagsPart) {
    const size_t more = std::min(all.size(), kFlagsPart + 1 - all.size());
    bed_.must(
        store_.copy(kAlice, inbox_, {all.begin(), all.begin() + static_cast<ptrdiff_t>(more)}, "INBOX", {}));
  }
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  const MailStore::Updated done = bed_.must(
      store_.update_flags(kAlice, inbox_, all, {FlagChange::add, FlagSet{kDeleted | kSeen, {}}, {}, {}}));
  EXPECT_THAT(done.entries, SizeIs(all.size()));
  EXPECT_EQ(done.before, before);
  EXPECT_EQ(done.after, bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq);
  EXPECT_THAT(bed_.must(store_.changes(kAlice, inbox_, before)).changed, SizeIs(all.size()));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(bed_.must(store_.expunge(kAlice, inbox_, all)), all);
  EXPECT_THAT(bed_.must(store_.changes(kAlice, inbox_, done.after)).vanished, SizeIs(all.size()));
  EXPECT_THAT(kept(), SizeIs(all.size()));
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(UndeleteTest, WhatIsTooMuchForOneTransactionIsExpungedInMore) {
  engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
  bed_.must(writer.append("x"));
  NewMessage message;
  message.flags.system = kDeleted;
  message.summary = std::string(kExpungeBytes / kExpungeLook * 2, 's');
  ASSERT_TRUE(bed_.run(store_.append(kAlice, "INBOX", writer, std::move(message), {})));
  std::vector<Uid> all;
  while ((all = bed_.uids(kAlice, inbox_)).size() < 2 * kExpungeLook + 1) {
    const size_t more = std::min(all.size(), 2 * kExpungeLook + 1 - all.size());
    bed_.must(
        store_.copy(kAlice, inbox_, {all.begin(), all.begin() + static_cast<ptrdiff_t>(more)}, "INBOX", {}));
  }
  const ModSeq before = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  store_.on_hidden([](AccountId) {}, SIZE_MAX);  // none is hidden
  EXPECT_EQ(bed_.must(store_.expunge(kAlice, inbox_, all)), all);
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq, before + 3);
  EXPECT_THAT(kept(), SizeIs(all.size()));
  EXPECT_THAT(problems(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Engines, UndeleteTest, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace posthouse::store
