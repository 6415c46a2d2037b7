// What is remembered of a large mailbox is what its rows say, however old it is.
#include "store/listing.h"

#include <random>

#include <gmock/gmock.h>

#include "engine/record.h"
#include "store/limits.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAccount = 5;

std::vector<Uid> all_of(const UidList& list) {
  std::vector<Uid> uids;
  for (uint32_t at = 1; at <= list.size(); ++at) uids.push_back(list.at(at));
  return uids;
}

class ListingTest : public testing::Test {
 protected:
  ListingTest() {
    bed_.must(store_.create_account(kAccount, "", bed_.place(kAccount)));
    inbox_ = bed_.id_of(kAccount, "INBOX");
  }

  MailboxInfo info() { return bed_.must(store_.mailbox(kAccount, inbox_)); }

  template <class T>
  Result<T> look(const std::function<Result<T>(const AccountView&, const MailboxInfo&)>& with) {
    Result<T> out = fail(FaultKind::permanent, "not looked");
    bed_.must(bed_.engine->read([&](const engine::Reader& reader) -> Result<void> {
      const AccountView view(reader, kAccount);
      const Result<MailboxInfo> now = view.mailbox(inbox_);
      if (!now) return std::unexpected(now.error());
      out = with(view, *now);
      return {};
    }));
    return out;
  }
  Listing now() {
    const auto listed = look<Listing>(
        [](const AccountView& view, const MailboxInfo& info) { return list_messages(view, info); });
    EXPECT_TRUE(listed);
    return listed.value_or(Listing());
  }
  Result<Listing> refreshed(const Listing& old) {
    return look<Listing>([&](const AccountView& view, const MailboxInfo& info) {
      size_t changes = 0;
      return refresh(view, info, old, changes);
    });
  }
  std::optional<Listing> written() {
    const auto row = bed_.must(bed_.engine->fetch(account_partition(kAccount), listing_key(inbox_)));
    if (!row) return std::nullopt;
    return decode_listing(*row).value();
  }
  void store_flags(std::vector<Uid> uids, FlagChange change, uint8_t system) {
    FlagUpdate update;
    update.change = change;
    update.flags.system = system;
    bed_.must(store_.update_flags(kAccount, inbox_, std::move(uids), std::move(update)));
  }
  // So many messages, by copying the ones that are there.
  void fill(size_t count) {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(bed_.append(kAccount, name_, "letter " + std::to_string(i)));
    for (;;) {
      std::vector<Uid> uids = bed_.uids(kAccount, inbox_);
      if (uids.size() >= count) return;
      uids.resize(std::min(uids.size(), count - uids.size()));
      bed_.must(store_.copy(kAccount, inbox_, std::move(uids), name_, Quota{}));
    }
  }
  void expect_opened_as_it_is(MailStore& store) {
    const MailStore::Opened opened = bed_.must(store.open(kAccount, inbox_, false));
    const Listing really = now();
    EXPECT_EQ(all_of(opened.uids), all_of(really.uids));
    EXPECT_EQ(opened.first_unseen, really.first_unseen == 0 ? 0 : really.uids.sequence(really.first_unseen));
    EXPECT_EQ(opened.info.exists, really.uids.size());
  }

  StoreBed bed_;
  MailStore& store_ = bed_.store;
  MailboxId inbox_ = 0;
  std::string name_ = "INBOX";
  std::mt19937_64 dice_{1};
};

TEST_F(ListingTest, AnOldOneBecomesWhatTheRowsSay) {
  std::vector<Listing> old = {now()};
  for (int i = 0; i < StoreBed::operations(300); ++i) {
    const std::vector<Uid> uids = bed_.uids(kAccount, inbox_);
    const uint64_t dice = dice_() % 8;
    const Uid one = uids.empty() ? 0 : uids[dice_() % uids.size()];
    if (dice < 3 || uids.empty()) {
      FlagSet flags;
      flags.system = dice == 0 ? kSeen : 0;
      ASSERT_TRUE(bed_.append(kAccount, "INBOX", "x", flags));
    } else if (dice < 6) {
      store_flags({one}, dice == 5 ? FlagChange::remove : FlagChange::add, kSeen);
    } else {
      store_flags({one}, FlagChange::add, kDeleted);
      bed_.must(store_.expunge(kAccount, inbox_, {one}));
    }
    const Listing really = now();
    for (const Listing& before : old) {
      const Result<Listing> after = refreshed(before);
      ASSERT_TRUE(after) << after.error().what;
      ASSERT_EQ(all_of(after->uids), all_of(really.uids));
      ASSERT_EQ(after->first_unseen, really.first_unseen);
      ASSERT_EQ(after->modseq, really.modseq);
    }
    if (i % 20 == 0) old.push_back(really);
  }
}

TEST_F(ListingTest, OneThatDoesNotFitIsNotBelieved) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(bed_.append(kAccount, "INBOX", "x"));
  const Listing good = now();
  ASSERT_TRUE(refreshed(good));
  Listing other = good;
  ++other.uid_validity;
  EXPECT_EQ(refreshed(other).error().kind, FaultKind::not_found);
  other = good;
  ++other.modseq;  // of a time that a restored store has not seen yet
  EXPECT_EQ(refreshed(other).error().kind, FaultKind::not_found);
  other = good;
  other.uids.remove(2);
  EXPECT_EQ(refreshed(other).error().kind, FaultKind::not_found);
}

TEST_F(ListingTest, TheRecordGivesBackWhatWasPutIn) {
  Listing listing;
  listing.uid_validity = 7;
  listing.modseq = UINT64_MAX;
  listing.first_unseen = 12;
  listing.uids.append_run(1, 1);
  listing.uids.append_run(12, 500'000);
  listing.uids.append_run(UINT32_MAX, 1);
  const Result<Listing> back = decode_listing(encode(listing));
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(encode(*back), encode(listing));
  EXPECT_EQ(back->uids.size(), 500'002u);
  EXPECT_EQ(back->uids.last(), UINT32_MAX);
}

TEST_F(ListingTest, ARecordWithImpossibleRunsIsCorrupt) {
  const auto record = [](std::initializer_list<uint64_t> numbers) {
    engine::RecordWriter writer(1);
    for (const uint64_t number : {7ul, 8ul, 9ul}) writer.varint(number);
    for (const uint64_t number : numbers) writer.varint(number);
    return writer.finish();
  };
  EXPECT_TRUE(decode_listing(record({1, 1, 5})));
  for (const std::string& bad :
       {record({1, 0, 5}), record({1, 1, 0}), record({1, UINT32_MAX, 2}), record({1, UINT64_MAX, 1}),
        record({2, 1, 5}), record({0, 1}), std::string("x")})
    EXPECT_EQ(decode_listing(bad).error().kind, FaultKind::corrupt);
}

TEST_F(ListingTest, ALargeMailboxIsOpenedFromMemoryAndStaysRight) {
  fill(kListedFrom + 10);
  expect_opened_as_it_is(store_);
  expect_opened_as_it_is(store_);
  store_flags({1, 2, 3}, FlagChange::add, kSeen | kDeleted);
  expect_opened_as_it_is(store_);
  bed_.must(store_.expunge(kAccount, inbox_, {1, 2, 3}));
  ASSERT_TRUE(bed_.append(kAccount, "INBOX", "another"));
  expect_opened_as_it_is(store_);
}

TEST_F(ListingTest, ASmallOneToo) {
  expect_opened_as_it_is(store_);
  fill(3);
  expect_opened_as_it_is(store_);
  expect_opened_as_it_is(store_);
  store_flags({1, 2}, FlagChange::add, kSeen | kDeleted);
  expect_opened_as_it_is(store_);
  bed_.must(store_.expunge(kAccount, inbox_, {1}));
  expect_opened_as_it_is(store_);
  ASSERT_TRUE(bed_.append(kAccount, "INBOX", "another"));
  expect_opened_as_it_is(store_);
}

TEST_F(ListingTest, AVeryLargeOneIsWrittenDownForTheNextStart) {
  fill(kWrittenFrom);
  EXPECT_FALSE(written());
  expect_opened_as_it_is(store_);
  ASSERT_TRUE(written());
  EXPECT_EQ(all_of(written()->uids), all_of(now().uids));
  store_flags({1, 5}, FlagChange::add, kSeen | kDeleted);
  bed_.must(store_.expunge(kAccount, inbox_, {5}));
  MailStore later(*bed_.engine, bed_.clock, bed_.random, kKeptExpunges, false);
  if (bed_.mirror) later.use_files(&*bed_.mirror);
  expect_opened_as_it_is(later);
  EXPECT_EQ(bed_.problems({kAccount}), std::vector<std::string>());
}

TEST_F(ListingTest, GoesWithItsMailbox) {
  name_ = "Large";
  inbox_ = bed_.must(store_.create_mailbox(kAccount, name_)).id;
  fill(kWrittenFrom);
  expect_opened_as_it_is(store_);
  EXPECT_TRUE(written());
  bed_.must(store_.delete_mailbox(kAccount, name_));
  bed_.must(store_.sweep(false));
  EXPECT_FALSE(written());
}

}  // namespace
}  // namespace posthouse::store
