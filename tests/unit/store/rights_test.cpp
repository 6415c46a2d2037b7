// Rights of others in the store: what they follow, who is led to them, and what a repair makes of them.
#include "store/rights.h"

#include <gmock/gmock.h>

#include "store/limits.h"
#include "store/mail_store_impl.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr AccountId kAlice = 11;
constexpr AccountId kBob = 12;
constexpr AccountId kCarol = 13;
constexpr Rights kReader = kMayLookUp | kMayRead;

class RightsTest : public testing::TestWithParam<const char*> {
 protected:
  RightsTest() {
    for (const AccountId account : {kAlice, kBob, kCarol})
      bed_.must(store_.create_account(account, "", bed_.place(account)));
    inbox_ = bed_.id_of(kAlice, "INBOX");
  }

  void give(MailboxId mailbox, AccountId who, Rights rights, bool denied = false) {
    bed_.must(store_.change_rights(kAlice, mailbox, who, denied, RightsChange::set, rights));
  }
  Rights of(MailboxId mailbox, AccountId who, bool as_anyone = true) {
    return bed_.must(store_.rights_of(kAlice, mailbox, who, as_anyone));
  }
  // Of whom the account is shown something.
  std::vector<AccountId> sharers(AccountId who) {
    std::vector<AccountId> out;
    for (const MailStore::Sharer& one : bed_.must(store_.sharers(who))) out.push_back(one.owner);
    return out;
  }
  bool gives(AccountId owner, AccountId who) {
    const MailStore::Sharer one = bed_.must(store_.sharer(who, owner));
    return one.with_account || one.with_anyone;
  }
  std::vector<std::string> problems() { return bed_.problems({kAlice, kBob, kCarol}); }
  void put_shared_row(const std::string& key, bool there) {
    std::vector<engine::Step> steps;
    steps.push_back({kStorePartition, [&](engine::Transaction& rows) -> Result<void> {
                       there ? rows.put(key, empty_record()) : rows.erase(key);
                       return {};
                     }});
    bed_.must(bed_.engine->transact(std::move(steps)));
  }

  StoreBed bed_{GetParam()};
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
};

TEST(RightsText, IsThatOfTheRfc) {
  EXPECT_EQ(rights_text(kAllRights, false), "lrswipkxtea");
  EXPECT_EQ(rights_text(kAllRights, true), "lrswipkxteacd");
  EXPECT_EQ(rights_text(kMayExpunge, true), "ed");
  EXPECT_EQ(rights_text(kMayDeleteMailbox, true), "xc");
  EXPECT_EQ(parse_rights(""), Rights{0});
  EXPECT_EQ(parse_rights("cd"), kMayCreate | kMayDeleteMailbox | kMayDeleteMessages | kMayExpunge);
  for (const char* bad : {"L", "z", "0", "l r", "-", "lr\xc3\xa9"}) EXPECT_FALSE(parse_rights(bad)) << bad;
}

// On a host with many domains nobody looks at who gives to everybody of another one.
TEST_P(RightsTest, EverybodyIsOfOneGroup) {
  bed_.must(store_.set_group(kAlice, "example.test"));
  bed_.must(store_.set_group(kBob, "example.test"));
  bed_.must(store_.set_group(kCarol, "else.test"));
  EXPECT_FALSE(gives(kAlice, kBob));
  give(inbox_, kAnyone, kReader);
  EXPECT_THAT(sharers(kBob), ElementsAre(kAlice));
  EXPECT_THAT(sharers(kCarol), IsEmpty());
  EXPECT_TRUE(gives(kAlice, kBob));
  EXPECT_TRUE(gives(kAlice, kCarol)) << "what that means is for whoever asks";
  give(inbox_, kCarol, kReader);
  EXPECT_THAT(sharers(kCarol), ElementsAre(kAlice));
  give(inbox_, kAnyone, 0);
  EXPECT_FALSE(gives(kAlice, kBob));
  EXPECT_TRUE(gives(kAlice, kCarol));
}

TEST_P(RightsTest, AreThoseOfTheEntries) {
  EXPECT_EQ(of(inbox_, kBob), 0);
  EXPECT_THAT(sharers(kBob), IsEmpty());
  give(inbox_, kBob, kReader);
  EXPECT_EQ(of(inbox_, kBob), kReader);
  EXPECT_EQ(of(inbox_, kCarol), 0);
  EXPECT_THAT(sharers(kBob), ElementsAre(kAlice));
  EXPECT_THAT(sharers(kCarol), IsEmpty());
  bed_.must(store_.change_rights(kAlice, inbox_, kBob, false, RightsChange::add, kMayInsert | kMayRead));
  bed_.must(store_.change_rights(kAlice, inbox_, kBob, false, RightsChange::remove, kMayRead | kMayExpunge));
  EXPECT_EQ(of(inbox_, kBob), kMayLookUp | kMayInsert);
  give(inbox_, kAnyone, kReader | kMayWrite);
  give(inbox_, kBob, kMayWrite, true);
  EXPECT_EQ(of(inbox_, kBob), kReader | kMayInsert);
  EXPECT_EQ(of(inbox_, kBob, false), kMayLookUp | kMayInsert);
  EXPECT_EQ(of(inbox_, kCarol), kReader | kMayWrite);
  EXPECT_THAT(sharers(kCarol), ElementsAre(kAlice));
  EXPECT_THAT(sharers(kAlice), IsEmpty());
  EXPECT_THAT(bed_.must(store_.rights_entries(kAlice, inbox_)),
              ElementsAre(RightsEntry{kAnyone, kReader | kMayWrite, 0},
                          RightsEntry{kBob, kMayLookUp | kMayInsert, kMayWrite}));
  const auto all = bed_.must(store_.all_rights_of(kAlice, kBob, true));
  EXPECT_THAT(all, ElementsAre(std::pair(inbox_, Rights{kReader | kMayInsert})));
  EXPECT_THAT(problems(), IsEmpty());
  give(inbox_, kAnyone, 0);
  give(inbox_, kBob, 0);
  give(inbox_, kBob, 0, true);
  EXPECT_THAT(sharers(kBob), IsEmpty());
  EXPECT_THAT(bed_.must(store_.rights_entries(kAlice, inbox_)), IsEmpty());
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(RightsTest, AreBounded) {
  for (size_t i = 0; i < kMaxRights; ++i) give(inbox_, 1000 + i, kReader);
  EXPECT_EQ(bed_.fault(store_.change_rights(kAlice, inbox_, 5000, false, RightsChange::set, kReader)),
            FaultKind::over_quota);
  give(inbox_, 1000, kMayRead);  // in place of another
  give(inbox_, 1001, 0);
  give(inbox_, 5000, kReader);
  EXPECT_EQ(bed_.fault(store_.change_rights(kAlice, 999, kBob, false, RightsChange::set, kReader)),
            FaultKind::not_found);
}

TEST_P(RightsTest, FollowTheirMailbox) {
  const MailboxId work = bed_.must(store_.create_mailbox(kAlice, "Work")).id;
  give(work, kBob, kReader);
  // A new one has what its superior has, also where levels are made in between.
  const MailboxId deep = bed_.must(store_.create_mailbox(kAlice, "Work/a/b")).id;
  EXPECT_EQ(of(deep, kBob), kReader);
  EXPECT_EQ(of(bed_.id_of(kAlice, "Work/a"), kBob), kReader);
  give(deep, kCarol, kMayLookUp);
  bed_.must(store_.rename_mailbox(kAlice, "Work", "Play"));
  EXPECT_EQ(of(bed_.id_of(kAlice, "Play/a/b"), kCarol), kMayLookUp);
  EXPECT_EQ(of(work, kBob), kReader);
  bed_.must(store_.delete_mailbox(kAlice, "Play/a/b"));
  EXPECT_THAT(sharers(kCarol), IsEmpty());
  EXPECT_THAT(sharers(kBob), ElementsAre(kAlice));
  EXPECT_EQ(of(deep, kCarol), 0);
  bed_.must(store_.delete_mailbox(kAlice, "Play/a"));
  bed_.must(store_.delete_mailbox(kAlice, "Play"));
  EXPECT_THAT(sharers(kBob), IsEmpty());
  EXPECT_EQ(of(bed_.must(store_.create_mailbox(kAlice, "Play")).id, kBob), 0);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_P(RightsTest, GoWithEitherAccount) {
  give(inbox_, kBob, kReader);
  give(inbox_, kCarol, kReader);
  give(inbox_, kAnyone, kMayLookUp);
  bed_.must(store_.remove_account(kBob));
  EXPECT_THAT(bed_.must(store_.rights_entries(kAlice, inbox_)), SizeIs(2));
  EXPECT_THAT(bed_.problems({kAlice, kCarol}), IsEmpty());
  bed_.must(store_.remove_account(kAlice));
  EXPECT_THAT(sharers(kCarol), IsEmpty());
  EXPECT_THAT(bed_.problems({kCarol}), IsEmpty());
}

TEST_P(RightsTest, AreCheckedAndPutInOrder) {
  give(inbox_, kBob, kReader);
  give(inbox_, kCarol, kReader);
  const std::string record = encode(RightsEntry{kBob, kAllRights, 0});
  const auto spoil = [&](const std::string& key, const std::optional<std::string>& value, const char* what) {
    bed_.put_row(kAlice, key, value);
    EXPECT_THAT(problems(), testing::Contains(HasSubstr(what)));
  };
  spoil(rights_key(inbox_, kBob), std::nullopt, "two rows differ");
  spoil(given_key(kCarol, inbox_), std::nullopt, "one of two rows is missing");
  spoil(rights_key(999, kBob), record, "there is no such mailbox");
  spoil(rights_key(inbox_, kCarol + 1), "broken", "checksum");
  put_shared_row(share_key(kBob, kAlice), false);
  put_shared_row(share_key(kBob, kCarol), true);
  EXPECT_THAT(problems(), testing::Contains(HasSubstr("where nothing leads to it")));
  EXPECT_THAT(problems(), testing::Contains(HasSubstr("and does not")));
  bed_.must(store_.settle(kAlice));
  bed_.must(store_.settle_shares({kAlice, kBob, kCarol}));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(of(inbox_, kBob), kReader);
  EXPECT_EQ(of(inbox_, kCarol), kReader);
  EXPECT_THAT(sharers(kBob), ElementsAre(kAlice));
}

// An entry that can't be read gives nothing, also not what everybody has.
TEST_P(RightsTest, WhatIsDamagedGivesNothing) {
  give(inbox_, kAnyone, kReader);
  bed_.put_row(kAlice, rights_key(inbox_, kBob), "broken");
  EXPECT_EQ(of(inbox_, kBob), 0);
  EXPECT_EQ(of(inbox_, kCarol), kReader);
  give(inbox_, kBob, kMayLookUp);
  EXPECT_EQ(of(inbox_, kBob), kReader);
}

TEST_P(RightsTest, MessagesGoFromAccountToAccount) {
  bed_.must_append(kAlice, "INBOX", "first body");
  bed_.must(
      bed_.store.update_flags(kAlice, inbox_, {1}, {FlagChange::set, {kSeen | kDeleted, {"Key"}}, {}, {}}));
  bed_.must_append(kAlice, "INBOX", "second body");
  const MailStore::Breath none;
  const MailStore::Target all{kBob, "INBOX", {}};
  const MailStore::Target some{kBob, "Sent", {kDeleted, false}};
  const MailboxId his = bed_.id_of(kBob, "INBOX");
  Copied copied = bed_.must(store_.copy(kAlice, inbox_, {1, 2, 7}, all, Quota(), none));
  EXPECT_THAT(copied.from, ElementsAre(1, 2));
  copied = bed_.must(store_.copy(kAlice, inbox_, {1}, some, Quota(), none));
  Copied moved = bed_.must(store_.move(kAlice, inbox_, {2}, all, Quota(), none));
  EXPECT_THAT(moved.to, ElementsAre(3));
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(1));
  const std::vector<Entry> there = bed_.all(kBob, his);
  ASSERT_THAT(there, SizeIs(3));
  EXPECT_EQ(there[0].flags, (FlagSet{kSeen | kDeleted, {"Key"}}));
  EXPECT_EQ(bed_.must(store_.read(kBob, there[0], 0, 100)), "first body");
  EXPECT_EQ(bed_.must(store_.read(kBob, there[2], 0, 100)), "second body");
  const std::vector<Entry> sent = bed_.all(kBob, bed_.id_of(kBob, "Sent"));
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_EQ(sent[0].flags, (FlagSet{kDeleted, {}}));
  EXPECT_EQ(bed_.must(store_.usage(kAlice)).messages, 1u);
  EXPECT_EQ(bed_.must(store_.usage(kBob)).messages, 4u);
  EXPECT_THAT(problems(), IsEmpty());
  // All or none, and what there is room for.
  Quota small;
  small.messages = 4;
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, inbox_, {1}, all, small, none)), FaultKind::over_quota);
  EXPECT_EQ(bed_.fault(store_.move(kAlice, inbox_, {1}, all, small, none)), FaultKind::over_quota);
  EXPECT_EQ(bed_.fault(store_.copy(kAlice, inbox_, {1}, {kBob, "None", {}}, Quota(), none)),
            FaultKind::not_found);
  EXPECT_THAT(bed_.uids(kAlice, inbox_), ElementsAre(1));
  // Its last place may be the other account.
  bed_.must(store_.remove_account(kAlice));
  while (bed_.must(store_.sweep(false)) > 0) {
  }
  EXPECT_EQ(bed_.must(store_.read(kBob, there[0], 0, 100)), "first body");
  EXPECT_THAT(bed_.problems({kBob, kCarol}), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Engines, RightsTest, testing::Values("memory", "rocksdb"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace posthouse::store
