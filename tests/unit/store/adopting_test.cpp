// Bodies whose messages are lost: they become messages again, and what nobody wants goes.
#include <gmock/gmock.h>

#include "engine/blob_format.h"
#include "message/date.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr AccountId kAlice = 11;
constexpr AccountId kBob = 12;
constexpr char kWhen[] = "Mon, 23 Nov 2026 21:14:13 +0000";

using Unowned = MailStore::Unowned;

class AdoptingTest : public testing::Test {
 protected:
  AdoptingTest() {
    for (const AccountId account : {kAlice, kBob}) bed_.must(bed_.store.create_account(account));
    for (int i = 1; i <= 3; ++i) bodies_.push_back(letter(i));
    for (const std::string& body : bodies_) EXPECT_TRUE(bed_.append(kAlice, "INBOX", body));
  }
  static std::string letter(int i) {
    return "Received: from a (b [192.0.2.1])\r\n\tby c with SMTP id 1; " + std::string(kWhen) +
           "\r\nSubject: " + std::to_string(i) + "\r\n\r\nx\r\n";
  }
  void lose_messages(AccountId account) {
    const engine::Step step{account_partition(account), [](engine::Transaction& rows) -> Result<void> {
                              Result<void> done;
                              for (const std::string begin : {"F", "R"}) {
                                if (!done) break;
                                done = rows.scan(begin, prefix_end(begin), [&](auto key, auto) {
                                  rows.erase(key);
                                  return true;
                                });
                              }
                              return done;
                            }};
    bed_.must(bed_.engine->transact({step}));
    bed_.must(bed_.store.settle(account));
  }
  MailStore::Adopted adopt(std::vector<AccountId> into, Unowned unowned) {
    return bed_.must(bed_.store.adopt_bodies({kAlice, kBob}, std::move(into), unowned));
  }
  std::vector<Entry> recovered() { return bed_.all(kAlice, bed_.id_of(kAlice, "Recovered")); }
  std::vector<std::string> problems() { return bed_.problems({kAlice, kBob}); }

  StoreBed bed_;
  std::vector<std::string> bodies_;
};

TEST_F(AdoptingTest, AStoreInOrderStaysAsItIs) {
  const auto done = adopt({kAlice, kBob}, Unowned::sound_left);
  EXPECT_EQ(done.restored + done.removed, 0u);
  EXPECT_EQ(bed_.must(bed_.store.mailboxes(kAlice)).size(), 6u);
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(AdoptingTest, BodiesWithoutMessagesComeBack) {
  lose_messages(kAlice);
  EXPECT_THAT(problems(), Not(IsEmpty()));
  EXPECT_EQ(adopt({kAlice}, Unowned::all_left).restored, 3u);
  std::vector<std::string> found;
  for (const Entry& entry : recovered()) {
    found.push_back(bed_.must(bed_.store.read(kAlice, entry, 0, 1000)));
    EXPECT_EQ(entry.internal_date, message::parse_date(kWhen)->time);
  }
  EXPECT_THAT(found, UnorderedElementsAre(bodies_[0], bodies_[1], bodies_[2]));
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(adopt({kAlice}, Unowned::all_left).restored, 0u);
  EXPECT_EQ(recovered().size(), 3u);
}

TEST_F(AdoptingTest, OnlyThoseOfAccountsThatLostSomething) {
  lose_messages(kAlice);
  EXPECT_EQ(adopt({kBob}, Unowned::all_left).restored, 0u);
  EXPECT_EQ(bed_.must(bed_.store.mailboxes(kAlice)).size(), 6u);
}

TEST_F(AdoptingTest, WhatBelongsToNobodyGoesOnlyWhenAsked) {
  std::vector<engine::Step> steps;
  engine::BlobWriter writer(*bed_.engine, bed_.ids.next());
  bed_.must(writer.append("stray"));
  std::vector<std::string> references{MailStore::blob_reference(99, 5)};
  steps.push_back(writer.seal(std::move(references)));
  bed_.must(bed_.engine->transact(std::move(steps)));
  EXPECT_THAT(problems(), Not(IsEmpty()));
  EXPECT_EQ(adopt({kAlice, kBob}, Unowned::all_left).removed, 0u);
  const auto left = adopt({kAlice, kBob}, Unowned::sound_left);
  EXPECT_EQ(left.removed, 0u);
  EXPECT_EQ(left.left, 1u);
  EXPECT_EQ(adopt({kAlice, kBob}, Unowned::removed).removed, 1u);
  while (bed_.must(bed_.store.sweep(false)) != 0) {
  }
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(bed_.blobs(), 3u);
}

TEST_F(AdoptingTest, ADamagedBodyGoesOnlyWhenAsked) {
  const std::vector<Entry> before = bed_.all(kAlice, bed_.id_of(kAlice, "INBOX"));
  lose_messages(kAlice);
  const engine::BlobId blob = before[0].blob;
  const engine::Step damage{engine::blob_partition(blob), [](engine::Transaction& rows) -> Result<void> {
                              rows.put(engine::kHeadKey, "damaged");
                              return {};
                            }};
  bed_.must(bed_.engine->transact({damage}));
  EXPECT_EQ(adopt({kAlice}, Unowned::all_left).restored, 2u);
  EXPECT_EQ(adopt({kAlice}, Unowned::sound_left).removed, 1u);
  while (bed_.must(bed_.store.sweep(false)) != 0) {
  }
  EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(AdoptingTest, MessagesOfADeletedMailboxStayDeleted) {
  bed_.must(bed_.store.create_mailbox(kAlice, "Old"));
  EXPECT_TRUE(bed_.append(kAlice, "Old", bodies_[0]));
  bed_.must(bed_.store.delete_mailbox(kAlice, "Old"));
  EXPECT_EQ(adopt({kAlice, kBob}, Unowned::sound_left).restored, 0u);
}

}  // namespace
}  // namespace posthouse::store
