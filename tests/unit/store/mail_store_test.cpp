// What MailStore promises, by example, on both engines.
#include "store/mail_store.h"

#include <gmock/gmock.h>

#include "engine/blob_format.h"
#include "store/limits.h"
#include "store/rows.h"
#include "store/sources.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr AccountId kAlice = 11, kBob = 12;

class MailStoreTest : public testing::TestWithParam<const char*> {
 protected:
  MailStoreTest() {
    bed_.must(store_.create_account(kAlice, "", bed_.place(kAlice)));
    bed_.must(store_.create_account(kBob, "", bed_.place(kBob)));
    inbox_ = bed_.id_of(kAlice, "INBOX");
  }
  ~MailStoreTest() override { EXPECT_THAT(bed_.problems({kAlice, kBob}), IsEmpty()); }

  std::vector<std::string> names(AccountId account) {
    std::vector<std::string> found;
    for (const MailboxInfo& info : bed_.must(store_.mailboxes(account))) found.push_back(info.name);
    return found;
  }
  Uid append(std::string mailbox, std::string body, uint8_t system = 0,
             std::vector<std::string> keywords = {}) {
    auto placed =
        bed_.append(kAlice, std::move(mailbox), std::move(body), FlagSet{system, std::move(keywords)});
    EXPECT_TRUE(placed);
    return placed ? placed->uid : 0;
  }
  FlagUpdate add(uint8_t system, std::vector<std::string> keywords = {}) {
    return FlagUpdate{FlagChange::add, FlagSet{system, std::move(keywords)}, {}, std::nullopt};
  }

  StoreBed bed_{GetParam()};
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
};

TEST_P(MailStoreTest, ANewAccountHasTheUsualMailboxes) {
  const auto found = bed_.must(store_.mailboxes(kAlice));
  EXPECT_THAT(names(kAlice), ElementsAre("INBOX", "Archive", "Drafts", "Junk", "Sent", "Trash"));
  EXPECT_EQ(found[0].role, Role::inbox);
  EXPECT_EQ(found[4].role, Role::sent);
  for (const MailboxInfo& info : found) {
    EXPECT_TRUE(info.subscribed);
    EXPECT_EQ(info.uid_next, 1u);
    EXPECT_GT(info.highest_modseq, 0u);
    EXPECT_GT(info.uid_validity, 0u);
  }
  bed_.must(store_.create_account(kAlice, "", bed_.place(kAlice)));  // repeatable
  EXPECT_EQ(names(kAlice).size(), 6u);
}

TEST_P(MailStoreTest, AnUnknownAccountIsNotFound) {
  EXPECT_EQ(bed_.fault(store_.mailboxes(99)), FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.usage(99)), FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(99, "a")), FaultKind::not_found);
  EXPECT_EQ(bed_.append(99, "INBOX", "x").error().kind, FaultKind::not_found);
}

TEST_P(MailStoreTest, CreatesSuperiorsToo) {
  const MailboxInfo made = bed_.must(store_.create_mailbox(kAlice, "a/b/c"));
  EXPECT_EQ(made.name, "a/b/c");
  EXPECT_THAT(names(kAlice), testing::IsSupersetOf({"a", "a/b", "a/b/c"}));
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "a/b")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "inbox")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "a//b")), FaultKind::policy);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "Sent2", Role::sent)), FaultKind::exists);
  EXPECT_THAT(names(kBob), testing::Not(testing::Contains("a")));
}

// Clients know an account by its name, whatever its number is. The clock stands still here.
TEST_P(MailStoreTest, UidValidityNeverComesBackWithAnAccountThatIsMadeAgain) {
  constexpr AccountId kFirst = 71, kSecond = 72, kThird = 73;
  bed_.must(store_.create_account(kFirst, "", bed_.place(kFirst)));
  const uint32_t first = bed_.must(store_.mailbox(kFirst, "INBOX")).uid_validity;
  uint32_t last = 0;
  for (int i = 0; i < 20; ++i)
    last = bed_.must(store_.create_mailbox(kFirst, "m" + std::to_string(i))).uid_validity;
  bed_.must(store_.remove_account(kFirst));
  bed_.must(store_.create_account(kSecond, "", bed_.place(kSecond)));
  const uint32_t second = bed_.must(store_.mailbox(kSecond, "INBOX")).uid_validity;
  EXPECT_GT(second, first);
  EXPECT_GT(second, last);
  EXPECT_GT(bed_.must(store_.create_mailbox(kSecond, "m0")).uid_validity, last);
  // Even when a crash let the rows of the account before stay where they are.
  bed_.must(store_.create_account(kThird, "", bed_.place(kThird)));
  EXPECT_GT(bed_.must(store_.mailbox(kThird, "INBOX")).uid_validity, second);
}

TEST_P(MailStoreTest, UidValidityNeverComesBack) {
  std::vector<uint32_t> seen;
  for (int i = 0; i < 4; ++i) {
    seen.push_back(bed_.must(store_.create_mailbox(kAlice, "x")).uid_validity);
    bed_.must(store_.delete_mailbox(kAlice, "x"));
    bed_.clock.step(seconds(-100));  // the clock goes back
  }
  for (size_t i = 1; i < seen.size(); ++i) EXPECT_GT(seen[i], seen[i - 1]);
}

TEST_P(MailStoreTest, RenameTakesInferiorsAlong) {
  bed_.must(store_.create_mailbox(kAlice, "a/b/c"));
  bed_.must(store_.create_mailbox(kAlice, "ab"));
  append("a/b", "letter");
  const MailboxInfo before = bed_.must(store_.mailbox(kAlice, "a/b"));
  bed_.must(store_.rename_mailbox(kAlice, "a", "new/place"));
  EXPECT_THAT(names(kAlice),
              testing::IsSupersetOf({"ab", "new", "new/place", "new/place/b", "new/place/b/c"}));
  EXPECT_THAT(names(kAlice), testing::Not(testing::Contains("a/b")));
  const MailboxInfo after = bed_.must(store_.mailbox(kAlice, "new/place/b"));
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.uid_validity, before.uid_validity);
  EXPECT_EQ(after.exists, 1u);
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "new", "ab")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "new", "new/deep")), FaultKind::policy);
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "nothing", "x")), FaultKind::not_found);
}

TEST_P(MailStoreTest, ARenameThatCannotBeDoneChangesNothing) {
  bed_.must(store_.create_mailbox(kAlice, "a/" + std::string(200, 'x')));
  bed_.must(store_.subscribe(kAlice, "a", true));
  const auto before = names(kAlice);
  const auto listed = bed_.must(store_.subscriptions(kAlice));
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "a", std::string(100, 'y'))), FaultKind::policy);
  EXPECT_EQ(names(kAlice), before);
  EXPECT_EQ(bed_.must(store_.subscriptions(kAlice)), listed);
}

// RFC 3501 section 6.3.5: "foo", which is only a level above "foo/bar", becomes "zowie".
TEST_P(MailStoreTest, ANameThatIsOnlyALevelCanBeRenamed) {
  bed_.must(store_.create_mailbox(kAlice, "foo/bar"));
  bed_.must(store_.create_mailbox(kAlice, "other/x"));
  bed_.must(store_.delete_mailbox(kAlice, "foo"));
  bed_.must(store_.delete_mailbox(kAlice, "other"));
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "foo", "other")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "foo", "Sent")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.rename_mailbox(kAlice, "fo", "zowie")), FaultKind::not_found);
  bed_.must(store_.rename_mailbox(kAlice, "foo", "in/zowie"));
  EXPECT_THAT(names(kAlice), testing::IsSupersetOf({"in", "in/zowie/bar"}));
  EXPECT_THAT(names(kAlice), testing::Not(testing::Contains("foo/bar")));
  EXPECT_THAT(names(kAlice), testing::Not(testing::Contains("in/zowie")));
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
}

TEST_P(MailStoreTest, AUsualNameHasItsRoleAgain) {
  bed_.must(store_.delete_mailbox(kAlice, "Trash"));
  EXPECT_EQ(bed_.must(store_.create_mailbox(kAlice, "Trash")).role, Role::trash);
  bed_.must(store_.delete_mailbox(kAlice, "Archive"));
  bed_.must(store_.create_mailbox(kAlice, "Archive/2025"));
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, "Archive")).role, Role::archive);
  // Only one mailbox has it: the one that was renamed keeps it.
  bed_.must(store_.rename_mailbox(kAlice, "Sent", "Sent 2025"));
  EXPECT_EQ(bed_.must(store_.create_mailbox(kAlice, "Sent")).role, Role::none);
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, "Sent 2025")).role, Role::sent);
  EXPECT_EQ(bed_.must(store_.create_mailbox(kAlice, "lists/Trash")).role, Role::none);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "Junk")), FaultKind::exists);
  EXPECT_EQ(bed_.fault(store_.create_mailbox(kAlice, "Spam", Role::junk)), FaultKind::exists);
}

TEST_P(MailStoreTest, SubscriptionsFollowARename) {
  bed_.must(store_.create_mailbox(kAlice, "a/b/c"));
  bed_.must(store_.create_mailbox(kAlice, "a/quiet"));
  for (const char* name : {"a", "a/b/c", "a/never there", "ab"})
    bed_.must(store_.subscribe(kAlice, name, true));
  bed_.must(store_.rename_mailbox(kAlice, "a", "z"));
  // Names without a mailbox stay as the user left them (RFC 3501 sections 6.3.6 and 6.3.9).
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)),
              ElementsAre("Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash", "a", "a/b/c",
                          "a/never there", "ab", "z", "z/b/c"));
  EXPECT_TRUE(bed_.must(store_.mailbox(kAlice, "z/b/c")).subscribed);
  EXPECT_FALSE(bed_.must(store_.mailbox(kAlice, "z/quiet")).subscribed);
  bed_.must(store_.delete_mailbox(kAlice, "z"));
  bed_.must(store_.rename_mailbox(kAlice, "z", "y"));
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)), testing::IsSupersetOf({"y", "y/b/c"}));
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)), testing::Contains("z"));
  bed_.must(store_.rename_mailbox(kAlice, "INBOX", "last year"));
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)), testing::IsSupersetOf({"INBOX", "last year"}));
}

TEST_P(MailStoreTest, RenamingInboxMovesItsMessages) {
  append("INBOX", "one");
  append("INBOX", "two", kSeen);
  bed_.must(store_.rename_mailbox(kAlice, "inbox", "old/mail"));
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, "INBOX")).exists, 0u);
  const MailboxInfo moved = bed_.must(store_.mailbox(kAlice, "old/mail"));
  EXPECT_EQ(moved.exists, 2u);
  EXPECT_EQ(moved.unseen, 1u);
  EXPECT_EQ(append("INBOX", "three"), 3u);
}

TEST_P(MailStoreTest, DeletingRemovesMessagesAndLeavesInferiors) {
  bed_.must(store_.create_mailbox(kAlice, "a/b"));
  append("a", "one");
  append("a", "two");
  append("a/b", "three");
  bed_.must(store_.delete_mailbox(kAlice, "a"));
  EXPECT_THAT(names(kAlice), testing::Contains("a/b"));
  EXPECT_THAT(names(kAlice), testing::Not(testing::Contains("a")));
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 1u);
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(1));  // small ones go at once
  EXPECT_EQ(bed_.fault(store_.delete_mailbox(kAlice, "a")), FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.delete_mailbox(kAlice, "Inbox")), FaultKind::policy);
}

TEST_P(MailStoreTest, SubscriptionsOutliveMailboxes) {
  bed_.must(store_.subscribe(kAlice, "not/there", true));
  bed_.must(store_.subscribe(kAlice, "Junk", false));
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)),
              ElementsAre("Archive", "Drafts", "INBOX", "Sent", "Trash", "not/there"));
  EXPECT_FALSE(bed_.must(store_.mailbox(kAlice, "Junk")).subscribed);
  bed_.must(store_.delete_mailbox(kAlice, "Sent"));
  EXPECT_THAT(bed_.must(store_.subscriptions(kAlice)), testing::Contains("Sent"));
}

TEST_P(MailStoreTest, AnAppendedMessageIsThereAsItWas) {
  const std::string big(300'000, 'x');
  EXPECT_EQ(append("INBOX", "Subject: hi\r\n\r\nhello\r\n", kSeen | kFlagged, {"$Work"}), 1u);
  EXPECT_EQ(append("INBOX", big), 2u);
  const auto found = bed_.must(store_.entries(kAlice, inbox_, 1, 10, 10, true));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].flags, (FlagSet{kSeen | kFlagged, {"$Work"}}));
  EXPECT_EQ(found[0].internal_date, test::FakeClock::kStart);
  EXPECT_EQ(found[0].summary, "summary of Subject: hi\r\n\r\nhello");
  EXPECT_EQ(found[1].size, big.size());
  EXPECT_EQ(bed_.must(store_.read(kAlice, found[0], 9, 2)), "hi");
  EXPECT_EQ(bed_.must(store_.read(kAlice, found[1], 0, UINT64_MAX)), big);
  EXPECT_THAT(bed_.must(store_.read_whole(kAlice, found, 1)), ElementsAre("Subject: hi\r\n\r\nhello\r\n"));
  EXPECT_EQ(bed_.must(store_.read_whole(kAlice, found, 1000)).size(), 2u);
  const MailboxInfo info = bed_.must(store_.mailbox(kAlice, inbox_));
  EXPECT_EQ(info.exists, 2u);
  EXPECT_EQ(info.unseen, 1u);
  EXPECT_EQ(info.uid_next, 3u);
  EXPECT_EQ(info.bytes, 22 + big.size());
  EXPECT_EQ(bed_.append(kAlice, "nowhere", "x").error().kind, FaultKind::not_found);
}

TEST_P(MailStoreTest, NobodyReadsAnothersMessage) {
  append("INBOX", "secret");
  const auto found = bed_.all(kAlice, inbox_);
  EXPECT_EQ(bed_.fault(store_.read(kBob, found[0], 0, 100)), FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.read_whole(kBob, found, 100)), FaultKind::not_found);
}

TEST_P(MailStoreTest, DeliveryToAnUnknownMailboxGoesToInbox) {
  for (const char* name : {"nowhere", "bad//name", "", "inbox"}) {
    engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
    bed_.must(writer.append("letter"));
    const uint64_t delivery = bed_.ids.next();
    NewMessage message;
    message.blob = writer.id();
    message.size = writer.size();
    Placed placed;
    std::vector<engine::Step> steps = store_.stage(kAlice, name, message, delivery, Quota(), &placed);
    steps.insert(steps.begin(), writer.seal({MailStore::blob_reference(kAlice, delivery)}));
    bed_.must(bed_.engine->transact(std::move(steps)));
    EXPECT_EQ(placed.mailbox, inbox_) << name;
  }
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(1, 2, 3, 4));
}

TEST_P(MailStoreTest, QuotasAreKept) {
  EXPECT_TRUE(bed_.append(kAlice, "INBOX", "12345", {}, Quota{10, 2}));
  EXPECT_EQ(bed_.append(kAlice, "INBOX", "123456", {}, Quota{10, 2}).error().kind, FaultKind::over_quota);
  EXPECT_TRUE(bed_.append(kAlice, "INBOX", "12345", {}, Quota{10, 2}));
  EXPECT_EQ(bed_.append(kAlice, "INBOX", "", {}, Quota{10, 2}).error().kind, FaultKind::over_quota);
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, inbox_, {1, 2}, "Sent", Quota{15, {}})), FaultKind::over_quota);
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, "Sent")).exists, 0u);
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).bytes, 10u);
  EXPECT_EQ(bed_.must(store_.copy(kAlice, inbox_, {1}, "Sent", Quota{15, 3})).to.size(), 1u);
}

TEST_P(MailStoreTest, FlagsAreSetAddedAndRemoved) {
  append("INBOX", "a", kSeen, {"one"});
  append("INBOX", "b");
  auto updated = bed_.must(store_.update_flags(kAlice, inbox_, {1, 2, 9}, add(kFlagged, {"ONE", "two"})));
  ASSERT_EQ(updated.entries.size(), 2u);
  EXPECT_EQ(updated.entries[0].flags, (FlagSet{kSeen | kFlagged, {"one", "two"}}));
  EXPECT_EQ(updated.entries[1].flags, (FlagSet{kFlagged, {"one", "two"}}));
  EXPECT_EQ(updated.entries[0].modseq, updated.entries[1].modseq);
  const ModSeq high = updated.entries[0].modseq;
  updated = bed_.must(store_.update_flags(
      kAlice, inbox_, {1}, FlagUpdate{FlagChange::remove, FlagSet{kSeen, {"ONE", "never"}}, {}, {}}));
  EXPECT_EQ(updated.entries[0].flags, (FlagSet{kFlagged, {"two"}}));
  EXPECT_GT(updated.entries[0].modseq, high);
  updated = bed_.must(
      store_.update_flags(kAlice, inbox_, {1}, FlagUpdate{FlagChange::set, FlagSet{kDeleted, {}}, {}, {}}));
  EXPECT_EQ(updated.entries[0].flags, (FlagSet{kDeleted, {}}));
  const ModSeq now = updated.entries[0].modseq;
  updated = bed_.must(store_.update_flags(kAlice, inbox_, {1}, add(kDeleted)));  // nothing new
  EXPECT_EQ(updated.entries[0].modseq, now);
  const MailboxInfo info = bed_.must(store_.mailbox(kAlice, inbox_));
  EXPECT_EQ(info.deleted, 1u);
  EXPECT_EQ(info.unseen, 2u);
  EXPECT_EQ(info.highest_modseq, now);
  EXPECT_THAT(bed_.must(store_.open(kAlice, inbox_, false)).keywords, ElementsAre("one", "two"));
}

TEST_P(MailStoreTest, UnchangedSinceRefusesWhatChanged) {
  append("INBOX", "a");
  append("INBOX", "b");
  const ModSeq seen = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  bed_.must(store_.update_flags(kAlice, inbox_, {2}, add(kSeen)));
  FlagUpdate update = add(kFlagged);
  update.unchanged_since = seen;
  const auto updated = bed_.must(store_.update_flags(kAlice, inbox_, {1, 2}, update));
  EXPECT_THAT(updated.refused, ElementsAre(2));
  ASSERT_EQ(updated.entries.size(), 1u);
  EXPECT_EQ(updated.entries[0].uid, 1u);
}

TEST_P(MailStoreTest, TooManyKeywordsAreRefusedInStoreAndLeftAwayInAppend) {
  append("INBOX", "a");
  std::vector<std::string> many;
  for (size_t i = 0; i < kMaxKeywords; ++i) many.push_back("k" + std::to_string(i));
  bed_.must(store_.update_flags(kAlice, inbox_, {1}, add(0, many)));
  EXPECT_EQ(bed_.fault(store_.update_flags(kAlice, inbox_, {1}, add(0, {"more"}))), FaultKind::policy);
  append("INBOX", "b", 0, {"more", "K7"});
  EXPECT_THAT(bed_.all(kAlice, inbox_)[1].flags.keywords, ElementsAre("k7"));
}

// Whoever knew all up to `before` needs no look at the changes.
TEST_P(MailStoreTest, AnUpdateTellsFromWhereToWhereItLed) {
  append("INBOX", "a");
  append("INBOX", "b");
  const auto highest = [&] { return bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq; };
  const ModSeq before = highest();
  const MailStore::Updated one = bed_.must(store_.update_flags(kAlice, inbox_, {1, 2}, add(kSeen)));
  EXPECT_EQ(one.before, before);
  EXPECT_EQ(one.after, before + 1);
  EXPECT_EQ(one.entries[0].modseq, one.after);
  EXPECT_EQ(one.entries[1].modseq, one.after);
  const MailStore::Updated nothing = bed_.must(store_.update_flags(kAlice, inbox_, {1, 2}, add(kSeen)));
  EXPECT_EQ(nothing.before, one.after);
  EXPECT_EQ(nothing.after, one.after);
  EXPECT_EQ(highest(), one.after);
}

TEST_P(MailStoreTest, ExpungeTakesWhatIsMarked) {
  for (int i = 0; i < 4; ++i) append("INBOX", "letter");
  bed_.must(store_.update_flags(kAlice, inbox_, {1, 3}, add(kDeleted)));
  EXPECT_THAT(bed_.must(store_.expunge(kAlice, inbox_, {1, 2, 9})), ElementsAre(1));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(2, 3, 4));
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(3));
  EXPECT_EQ(append("INBOX", "new"), 5u);  // a UID never comes back
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 4u);
}

TEST_P(MailStoreTest, ALargeSetIsDoneInParts) {
  // Files are flushed one by one, so with them it is just more than one part.
  const bool in_files = StoreBed::format() != Format::database;
  const auto count = static_cast<Uid>((in_files ? 1 : 2) * kPart + 100);
  std::vector<Uid> everything;
  for (Uid uid = 1; uid <= count; ++uid) {
    append("INBOX", "x");
    everything.push_back(uid);
  }
  EXPECT_EQ(bed_.must(store_.update_flags(kAlice, inbox_, everything, add(kDeleted))).entries.size(), count);
  const Copied copied = bed_.must(store_.copy(kAlice, inbox_, everything, "Archive", Quota()));
  EXPECT_EQ(copied.to.size(), count);
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, inbox_, everything, "Trash", Quota{{}, 3 * count - 95})),
            FaultKind::over_quota);
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, "Trash")).exists, 0u);  // the first part was taken back
  EXPECT_EQ(bed_.must(store_.move(kAlice, inbox_, everything, "Junk")).to.size(), count);
  EXPECT_EQ(bed_.must(store_.expunge(kAlice, bed_.id_of(kAlice, "Junk"), everything)).size(), count);
  bed_.must(store_.delete_mailbox(kAlice, "Archive"));
  while (bed_.must(store_.sweep(false)) > 0) {
  }
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(0));
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 0u);
}

// The second part is read while the first is written; what happens to its messages then counts.
TEST_P(MailStoreTest, CopiesAndMovesOfManyAreOfWhatIsThereAtTheTime) {
  const Uid part = StoreBed::format() == Format::database ? kCopyPart : kPart;
  const Uid count = part + 20;
  std::vector<Uid> everything;
  for (Uid uid = 1; uid <= count; ++uid) {
    append("INBOX", "x");
    everything.push_back(uid);
  }
  Uid next = part + 1;
  const MailStore::Breath breath = [&](uint64_t done) -> Task<void> {
    return [](MailStore& store, MailboxId inbox, FlagUpdate flag, bool between, Uid& uid) -> Task<void> {
      if (!between) co_return;
      std::vector<Uid> gone{uid++}, flagged{uid++};
      const auto removed = co_await store.remove(kAlice, inbox, std::move(gone));
      EXPECT_TRUE(removed);
      const auto changed = co_await store.update_flags(kAlice, inbox, std::move(flagged), std::move(flag));
      EXPECT_TRUE(changed);
    }(store_, inbox_, add(kFlagged), done > 0, next);
  };
  for (const bool move : {false, true}) {
    const Uid gone = next;
    const Copied done = move ? bed_.must(store_.move(kAlice, inbox_, everything, "Junk", breath))
                             : bed_.must(store_.copy(kAlice, inbox_, everything, "Archive", Quota(), breath));
    EXPECT_EQ(next, gone + 2);
    ASSERT_EQ(done.from.size(), count - (move ? 2 : 1));
    EXPECT_TRUE(std::ranges::is_sorted(done.from));
    EXPECT_TRUE(std::ranges::is_sorted(done.to));
    EXPECT_FALSE(std::ranges::binary_search(done.from, gone));
    const auto flagged = std::ranges::find(done.from, gone + 1);
    ASSERT_NE(flagged, done.from.end());
    const Uid at = done.to[static_cast<size_t>(flagged - done.from.begin())];
    EXPECT_EQ(bed_.must(store_.entries(kAlice, done.mailbox, {at}, true)).at(0).flags.system, kFlagged);
    EXPECT_EQ(bed_.must(store_.mailbox(kAlice, done.mailbox)).exists, done.to.size());
  }
  EXPECT_EQ(bed_.must(store_.mailbox(kAlice, inbox_)).exists, 0u);
}

TEST_P(MailStoreTest, CopiesShareTheBody) {
  append("INBOX", "one", kSeen, {"kw"});
  append("INBOX", "two");
  const Copied copied = bed_.must(store_.copy(kAlice, inbox_, {2, 1, 7}, "Sent", Quota()));
  const MailboxId sent = bed_.id_of(kAlice, "Sent");
  EXPECT_THAT(copied.from, ElementsAre(1, 2));
  EXPECT_THAT(copied.to, ElementsAre(1, 2));
  EXPECT_EQ(copied.mailbox, sent);
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(2));
  const auto copies = bed_.must(store_.entries(kAlice, sent, {1, 2}, true));
  EXPECT_EQ(copies[0].flags, (FlagSet{kSeen, {"kw"}}));
  EXPECT_EQ(copies[0].summary, "summary of one");
  // The copy stays readable when the original goes.
  bed_.must(store_.update_flags(kAlice, inbox_, {1, 2}, add(kDeleted)));
  bed_.must(store_.expunge(kAlice, inbox_, {1, 2}));
  EXPECT_EQ(bed_.must(store_.sweep(false)), 0u);
  EXPECT_EQ(bed_.must(store_.read(kAlice, copies[0], 0, 10)), "one");
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, sent, {1}, "nowhere", Quota())), FaultKind::not_found);
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, sent, {}, "nowhere", Quota())), FaultKind::not_found);
}

TEST_P(MailStoreTest, ACopyIntoTheSameMailboxIsAnotherMessage) {
  append("INBOX", "one", 0, {"kw"});
  const Copied copied = bed_.must(store_.copy(kAlice, inbox_, {1}, "INBOX", Quota()));
  EXPECT_THAT(copied.to, ElementsAre(2));
  EXPECT_THAT(bed_.must(store_.move(kAlice, inbox_, {1}, "INBOX")).to, ElementsAre(3));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(2, 3));
}

TEST_P(MailStoreTest, MovedMessagesKeepTheirBody) {
  append("INBOX", "one", kAnswered, {"kw"});
  append("INBOX", "two");
  const auto before = bed_.all(kAlice, inbox_);
  const Copied moved = bed_.must(store_.move(kAlice, inbox_, {1}, "Trash"));
  EXPECT_THAT(moved.from, ElementsAre(1));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(2));
  const auto there = bed_.must(store_.entries(kAlice, moved.mailbox, {moved.to[0]}, true));
  ASSERT_EQ(there.size(), 1u);
  EXPECT_EQ(there[0].flags, before[0].flags);
  EXPECT_EQ(there[0].summary, "summary of one");
  EXPECT_EQ(bed_.must(store_.read(kAlice, there[0], 0, 10)), "one");
  EXPECT_EQ(bed_.must(store_.read(kAlice, before[0], 0, 10)),
            "one");  // a session that still has the old entry
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 2u);
}

TEST_P(MailStoreTest, EachMessageIsRecentInOneSessionOnly) {
  append("INBOX", "one");
  append("INBOX", "two", kSeen);
  EXPECT_EQ(bed_.must(store_.open(kAlice, inbox_, false)).info.first_recent, 1u);  // EXAMINE leaves it
  const auto first = bed_.must(store_.open(kAlice, inbox_, true));
  EXPECT_EQ(first.info.first_recent, 1u);
  EXPECT_EQ(first.first_unseen, 1u);
  EXPECT_EQ(first.uids.size(), 2u);
  append("INBOX", "three");
  const auto second = bed_.must(store_.open(kAlice, inbox_, true));
  EXPECT_EQ(second.info.first_recent, 3u);
  EXPECT_EQ(bed_.must(store_.open(kAlice, inbox_, true)).info.first_recent, 4u);
  EXPECT_EQ(bed_.fault(store_.open(kAlice, 999, true)), FaultKind::not_found);
}

TEST_P(MailStoreTest, ChangesAreNet) {
  append("INBOX", "old");
  append("INBOX", "flagged later");
  append("INBOX", "expunged later");
  const ModSeq since = bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq;
  EXPECT_TRUE(bed_.must(store_.changes(kAlice, inbox_, since)).changed.empty());
  append("INBOX", "new");
  append("INBOX", "comes and goes", kDeleted);
  bed_.must(store_.update_flags(kAlice, inbox_, {2}, add(kSeen)));
  bed_.must(store_.update_flags(kAlice, inbox_, {2, 4}, add(kFlagged)));
  bed_.must(store_.update_flags(kAlice, inbox_, {3}, add(kDeleted)));
  bed_.must(store_.expunge(kAlice, inbox_, {3, 5}));
  const Changes changes = bed_.must(store_.changes(kAlice, inbox_, since));
  ASSERT_EQ(changes.changed.size(), 2u);
  EXPECT_EQ(changes.changed[0].uid, 2u);
  EXPECT_EQ(changes.changed[0].flags.system, kSeen | kFlagged);
  EXPECT_EQ(changes.changed[1].uid, 4u);
  EXPECT_THAT(changes.vanished, ElementsAre(3));
  EXPECT_EQ(changes.highest, bed_.must(store_.mailbox(kAlice, inbox_)).highest_modseq);
  EXPECT_EQ(bed_.must(store_.changes(kAlice, inbox_, 0)).changed.size(), 3u);
  EXPECT_TRUE(bed_.must(store_.changes(kAlice, inbox_, UINT64_MAX)).changed.empty());
  EXPECT_TRUE(bed_.must(store_.changes(kAlice, 999, 0)).mailbox_gone);
}

TEST_P(MailStoreTest, WatchersHearOfTheirAccount) {
  int alice = 0, bob = 0;
  const auto watch_alice = store_.watch(kAlice, [&] { ++alice; });
  const auto watch_bob = store_.watch(kBob, [&] { ++bob; });
  append("INBOX", "x");
  EXPECT_EQ(alice, StoreBed::format() == Format::database ? 1 : 2);  // then once more: it is in its file
  EXPECT_EQ(bob, 0);
}

TEST_P(MailStoreTest, ARemovedAccountLeavesNothing) {
  constexpr AccountId kCarol = 13;
  bed_.must(store_.create_account(kCarol, "", bed_.place(kCarol)));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(bed_.append(kCarol, "Sent", "x"));
  append("INBOX", "stays");
  bed_.must(store_.remove_account(kCarol));
  bed_.must(store_.remove_account(kCarol));
  EXPECT_EQ(bed_.fault(store_.usage(kCarol)), FaultKind::not_found);
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(1));
}

TEST_P(MailStoreTest, ACrashWithinADeletionIsEndedAtTheNextStart) {
  bed_.must(store_.create_mailbox(kAlice, "x"));
  append("x", "one");
  const MailboxId id = bed_.id_of(kAlice, "x");
  // As far as the first step of delete_mailbox() comes.
  const engine::Step begun{account_partition(kAlice), [&](engine::Transaction& rows) -> Result<void> {
                             HeadRow head = *decode_head(**rows.get(kHeadKey));
                             head.messages -= 1;
                             head.bytes -= 3;
                             head.mailboxes -= 1;
                             rows.put(kHeadKey, encode(head));
                             rows.erase(name_key("x"));
                             rows.erase(mailbox_key(id));
                             rows.put(dying_key(id), empty_record());
                             rows.hint(std::string("store.p\0\0\0\0\0\0\0\x0b", 15));
                             return {};
                           }};
  bed_.must(bed_.engine->transact({begun}));
  EXPECT_THAT(bed_.problems({kAlice, kBob}), IsEmpty());
  bed_.must(store_.sweep(true));
  EXPECT_EQ(bed_.blobs(), StoreBed::in_database(0));
  EXPECT_EQ(bed_.engine->get(account_partition(kAlice), dying_key(id)).value(), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Engines, MailStoreTest, testing::Values("memory", "rocksdb"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace posthouse::store
