// A message in the place of another, in one transaction (RFC 8508).
#include <gmock/gmock.h>

#include "engine/blob.h"
#include "passing_files.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr AccountId kAlice = 11;
constexpr AccountId kBob = 12;

// With and without keeping what is expunged.
class Replace : public testing::TestWithParam<bool> {
 protected:
  Replace() : bed_("memory", kKeptExpunges, GetParam()), store_(bed_.store) {
    for (const AccountId account : {kAlice, kBob})
      bed_.must(store_.create_account(account, "example.test", bed_.place(account)));
    drafts_ = bed_.id_of(kAlice, "Drafts");
    old_ = bed_.must_append(kAlice, "Drafts", "the old one");
  }

  Result<Placed> replace(Uid uid, const std::string& mailbox, const std::string& body, Quota quota = {},
                         AccountId into = kAlice, FlagMask may = {}) {
    engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
    bed_.must(writer.append(body));
    MailStore::Arriving arriving;
    arriving.writer = &writer;
    arriving.message.internal_date = bed_.clock.now();
    arriving.message.flags = FlagSet{kDraft, {"$Forwarded"}};
    arriving.message.summary = "summary";
    MailStore::Target to{into, mailbox, may};
    return bed_.run(store_.replace(kAlice, drafts_, uid, std::move(to), std::move(arriving), quota, gone_));
  }
  std::vector<std::string> bodies(MailboxId mailbox, AccountId account = kAlice) {
    std::vector<std::string> out;
    for (const Entry& entry : bed_.all(account, mailbox))
      out.push_back(bed_.must(store_.read(account, entry, 0, UINT64_MAX)));
    return out;
  }
  void all_is_well(size_t messages, size_t of_bob = 0) {
    EXPECT_THAT(bed_.problems({kAlice, kBob}), IsEmpty());
    EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, messages);
    EXPECT_EQ(bed_.must(store_.usage(kBob)).messages, of_bob);
    EXPECT_EQ(bed_.must(store_.group_usage("example.test")).messages, messages + of_bob);
    while (bed_.must(store_.sweep(false)) > 0) {
    }
  }

  StoreBed bed_;
  MailStore& store_;
  MailboxId drafts_ = 0;
  Uid old_ = 0;
  bool gone_ = false;
};

TEST_P(Replace, OneComesAndTheOtherGoes) {
  const ModSeq before = bed_.must(store_.mailbox(kAlice, drafts_)).highest_modseq;
  const Result<Placed> placed = replace(old_, "Drafts", "the new one");
  ASSERT_TRUE(placed.has_value());
  EXPECT_GT(placed->uid, old_);
  EXPECT_THAT(bodies(drafts_), ElementsAre("the new one"));
  const Entry entry = bed_.all(kAlice, drafts_).front();
  EXPECT_EQ(entry.flags, (FlagSet{kDraft, {"$Forwarded"}}));
  const Changes changes = bed_.must(store_.changes(kAlice, drafts_, before));
  EXPECT_THAT(changes.vanished, ElementsAre(old_));
  ASSERT_THAT(changes.changed, SizeIs(1));
  EXPECT_EQ(changes.changed.front().uid, placed->uid);
  all_is_well(1);
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).bytes, 11u);
}

TEST_P(Replace, InAnotherMailbox) {
  const Result<Placed> placed = replace(old_, "Sent", "sent");
  ASSERT_TRUE(placed.has_value());
  EXPECT_THAT(bodies(drafts_), IsEmpty());
  EXPECT_THAT(bodies(bed_.id_of(kAlice, "Sent")), ElementsAre("sent"));
  all_is_well(1);
}

TEST_P(Replace, InAnotherAccount) {
  const Result<Placed> placed = replace(old_, "INBOX", "the new one", {}, kBob, {kSeen, false});
  ASSERT_TRUE(placed.has_value());
  const MailboxId inbox = bed_.id_of(kBob, "INBOX");
  EXPECT_EQ(placed->mailbox, inbox);
  EXPECT_THAT(bodies(drafts_), IsEmpty());
  EXPECT_THAT(bodies(inbox, kBob), ElementsAre("the new one"));
  EXPECT_EQ(bed_.all(kBob, inbox).front().flags, FlagSet()) << "that there is no right to";
  all_is_well(0, 1);
  EXPECT_THAT(bodies(inbox, kBob), ElementsAre("the new one"));
  EXPECT_EQ(bed_.must(store_.kept(kAlice, {}, std::nullopt, SIZE_MAX)).size(), GetParam() ? 1u : 0u);
}

TEST_P(Replace, InAnotherAccountAllOrNothing) {
  Quota quota;
  quota.bytes = 5;  // the room of the old one is somebody else's
  const Result<Placed> refused = replace(old_, "INBOX", "the new one", quota, kBob);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, FaultKind::over_quota);
  EXPECT_FALSE(gone_);
  const Result<Placed> nowhere = replace(old_, "Nowhere", "new", {}, kBob);
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().kind, FaultKind::not_found);
  EXPECT_FALSE(gone_);
  const Result<Placed> nothing = replace(old_ + 1, "INBOX", "new", {}, kBob);
  ASSERT_FALSE(nothing.has_value());
  EXPECT_TRUE(gone_);
  EXPECT_THAT(bodies(drafts_), ElementsAre("the old one"));
  all_is_well(1);
}

// RFC 8508 section 3.4: the room of the old one counts.
TEST_P(Replace, QuotaIsThatOfBoth) {
  Quota quota;
  quota.bytes = 12;
  quota.messages = 1;
  ASSERT_TRUE(replace(old_, "Drafts", "twelve bytes", quota).has_value());
  const Uid now = bed_.uids(kAlice, drafts_).front();
  const Result<Placed> refused = replace(now, "Drafts", "thirteen byte", quota);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, FaultKind::over_quota);
  EXPECT_FALSE(gone_);
  EXPECT_THAT(bodies(drafts_), ElementsAre("twelve bytes"));
  all_is_well(1);
}

TEST_P(Replace, AllOrNothing) {
  const Result<Placed> nowhere = replace(old_, "Nowhere", "new");
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().kind, FaultKind::not_found);
  EXPECT_FALSE(gone_);
  const Result<Placed> nothing = replace(old_ + 1, "Drafts", "new");
  ASSERT_FALSE(nothing.has_value());
  EXPECT_EQ(nothing.error().kind, FaultKind::not_found);
  EXPECT_TRUE(gone_);
  EXPECT_THAT(bodies(drafts_), ElementsAre("the old one"));
  all_is_well(1);
}

TEST_P(Replace, TheOldOneMayComeBack) {
  ASSERT_TRUE(replace(old_, "Drafts", "the new one").has_value());
  const std::vector<KeptMessage> kept = bed_.must(store_.kept(kAlice, {}, std::nullopt, SIZE_MAX));
  if (!GetParam()) {
    EXPECT_THAT(kept, IsEmpty());
    return;
  }
  ASSERT_THAT(kept, SizeIs(1));
  std::vector<KeptPlace> places{kept.front().place};
  Restored done;
  bed_.must(store_.undelete(kAlice, std::move(places), {}, done));
  EXPECT_THAT(bodies(drafts_), ElementsAre("the new one", "the old one"));
  all_is_well(2);
}

INSTANTIATE_TEST_SUITE_P(Keeping, Replace, testing::Bool());

using ReplaceInFiles = WithFiles<PassingFiles>;

// The bytes of the old one, which were to be kept, don't stay in the database beside its file.
TEST_P(ReplaceInFiles, RefusedLeavesAllAsItWas) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: old\r\n\r\n"));
  bed_.must(bed_.mirror->carry_out(kAlice));
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  const Uid old = bed_.uids(kAlice, inbox).front();
  ASSERT_EQ(bed_.all(kAlice, inbox).front().blob, 0u);
  engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
  bed_.must(writer.append("Subject: new\r\n\r\n"));
  MailStore::Arriving arriving;
  arriving.writer = &writer;
  MailStore::Target to{kAlice, "INBOX", {}};
  Quota quota;
  quota.bytes = 1;
  bool gone = true;
  EXPECT_EQ(
      bed_.fault(bed_.store.replace(kAlice, inbox, old, std::move(to), std::move(arriving), quota, gone)),
      FaultKind::over_quota);
  EXPECT_FALSE(gone);
  bed_.must(bed_.mirror->carry_out(kAlice));
  ASSERT_EQ(bed_.uids(kAlice, inbox), std::vector<Uid>{old});
  EXPECT_EQ(bed_.all(kAlice, inbox).front().blob, 0u);
  EXPECT_THAT(bed_.must(bed_.store.kept(kAlice, {}, std::nullopt, SIZE_MAX)), IsEmpty());
  EXPECT_THAT(bed_.problems({kAlice}), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Formats, ReplaceInFiles, testing::Values(Format::maildir, Format::mbox),
                         [](const auto& test) { return std::string(to_string(test.param)); });

}  // namespace
}  // namespace posthouse::store
