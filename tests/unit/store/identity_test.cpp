// What names a message for ever, and when it came into its mailbox (RFC 8474, RFC 8514).
#include <gtest/gtest.h>

#include "engine/record.h"
#include "store/rows.h"
#include "store_bed.h"

namespace posthouse::store {
namespace {

constexpr AccountId kAlice = 1;

class Identity : public testing::Test {
 protected:
  Identity() : bed_("memory", kKeptExpunges, true) {
    bed_.must(bed_.store.create_account(kAlice, "example.test", bed_.place(kAlice)));
  }
  // What came last into the mailbox.
  Entry last(const std::string& mailbox) { return bed_.all(kAlice, bed_.id_of(kAlice, mailbox)).back(); }
  SystemTime later() {
    bed_.clock.advance(seconds(100));
    return bed_.clock.now();
  }

  StoreBed bed_;
};

TEST_F(Identity, CopiesAndMovesKeepTheNameAndAreSavedAnew) {
  const SystemTime first = later();
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: a\r\n\r\na\r\n"));
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: b\r\n\r\nb\r\n"));
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  const Entry a = bed_.all(kAlice, inbox).front();
  EXPECT_EQ(a.saved, first);
  EXPECT_NE(a.email, 0u);
  EXPECT_NE(a.email, last("INBOX").email);

  const SystemTime copied = later();
  bed_.must(bed_.store.copy(kAlice, inbox, {a.uid}, "Archive", Quota()));
  EXPECT_EQ(last("Archive").email, a.email);
  EXPECT_EQ(last("Archive").saved, copied);
  EXPECT_NE(last("Archive").delivery, a.delivery);

  const SystemTime moved = later();
  bed_.must(bed_.store.move(kAlice, bed_.id_of(kAlice, "Archive"), {last("Archive").uid}, "Trash"));
  EXPECT_EQ(last("Trash").email, a.email);
  EXPECT_EQ(last("Trash").saved, moved);

  const SystemTime flagged = later();
  bed_.must(bed_.store.update_flags(kAlice, inbox, {a.uid}, {FlagChange::add, {kSeen, {}}, {}, {}}));
  EXPECT_EQ(bed_.all(kAlice, inbox).front().saved, first) << flagged.time_since_epoch().count();
  EXPECT_EQ(bed_.all(kAlice, inbox).front().email, a.email);
}

TEST_F(Identity, WhatComesBackHasItsNameAgain) {
  ASSERT_TRUE(bed_.append(kAlice, "INBOX", "Subject: a\r\n\r\na\r\n"));
  const MailboxId inbox = bed_.id_of(kAlice, "INBOX");
  bed_.must(bed_.store.copy(kAlice, inbox, {1}, "Archive", Quota()));  // its name is not that of its delivery
  const Entry before = last("Archive");
  const MailboxId archive = bed_.id_of(kAlice, "Archive");
  bed_.must(
      bed_.store.update_flags(kAlice, archive, {before.uid}, {FlagChange::add, {kDeleted, {}}, {}, {}}));
  bed_.must(bed_.store.expunge(kAlice, archive, {before.uid}));
  const std::vector<KeptMessage> kept = bed_.must(bed_.store.kept(kAlice, {}, std::nullopt, 10));
  ASSERT_EQ(kept.size(), 1u);
  const SystemTime back = later();
  Restored done;
  bed_.must(bed_.store.undelete(kAlice, {kept[0].place}, Quota(), done));
  EXPECT_EQ(last("Archive").email, before.email);
  EXPECT_EQ(last("Archive").saved, back);
}

// As earlier programs wrote them.
TEST(RowsOfVersion1, AreReadWithWhatTheyDidNotHave) {
  const std::string flags = engine::RecordWriter(1)
                                .varint(7)
                                .varint(5)
                                .u8(kSeen)
                                .bytes("")
                                .varint(100)
                                .varint(2)
                                .varint(33)
                                .varint(44)
                                .finish();
  const Result<FlagRow> row = decode_flags(flags);
  ASSERT_TRUE(row) << row.error().what;
  EXPECT_EQ(row->saved, SystemTime{});
  EXPECT_EQ(row->email, 44u);
  EXPECT_EQ(row->blob, 33u);
  FlagRow changed = *row;
  changed.delivery = 55;  // as a copy or another format gives it
  EXPECT_EQ(decode_flags(encode(changed))->email, 44u);

  const std::string expunged = engine::RecordWriter(1)
                                   .bytes("INBOX")
                                   .u8(0)
                                   .varint(0)
                                   .varint(2)
                                   .varint(100)
                                   .varint(33)
                                   .varint(44)
                                   .bytes("summary")
                                   .finish();
  const Result<KeptRow> kept = decode_kept(expunged);
  ASSERT_TRUE(kept) << kept.error().what;
  EXPECT_EQ(kept->email, 44u);
  EXPECT_EQ(kept->summary, "summary");
}

TEST(Rows, OfANewerVersionAreRefused) {
  const std::string newer = engine::RecordWriter(3).varint(7).finish();
  EXPECT_EQ(decode_flags(newer).error().kind, FaultKind::corrupt);
  EXPECT_EQ(decode_kept(newer).error().kind, FaultKind::corrupt);
}

}  // namespace
}  // namespace posthouse::store
