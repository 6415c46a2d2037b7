#include "queue/letter_record.h"

#include <rapidcheck/gtest.h>

#include "queue/limits.h"

namespace posthouse::queue {
namespace {

Letter sample() {
  Letter l;
  l.id = 77;
  l.reverse_path = "a@b.test";
  l.blob = 5;
  l.offset = 12;
  l.size = 1000;
  l.accepted = SystemTime(milliseconds(1000));
  l.expires = SystemTime(milliseconds(2000));
  l.eight_bit = true;
  l.submitter = "alice@b.test";
  l.envelope_id = "QQ";
  Recipient r;
  r.address = "x@y.test";
  r.original = "list@b.test";
  r.domain = "y.test";
  r.state = RecipientState::held;
  r.attempts = 3;
  r.next_attempt = SystemTime(milliseconds(1500));
  r.last_reply = "450 later";
  r.last_status = "4.2.1";
  r.last_host = "mx.y.test";
  r.delay_warned = true;
  l.recipients.push_back(r);
  return l;
}

TEST(LetterRecord, KeepsEveryField) {
  const Letter in = sample();
  const auto out = decode_letter(77, encode_letter(in));
  ASSERT_TRUE(out);
  EXPECT_EQ(out->reverse_path, in.reverse_path);
  EXPECT_EQ(out->blob, in.blob);
  EXPECT_EQ(out->offset, in.offset);
  EXPECT_EQ(out->size, in.size);
  EXPECT_EQ(out->accepted, in.accepted);
  EXPECT_EQ(out->expires, in.expires);
  EXPECT_TRUE(out->eight_bit);
  EXPECT_FALSE(out->utf8);
  EXPECT_EQ(out->submitter, in.submitter);
  EXPECT_EQ(out->envelope_id, in.envelope_id);
  ASSERT_EQ(out->recipients.size(), 1u);
  const Recipient& r = out->recipients[0];
  EXPECT_EQ(r.address, "x@y.test");
  EXPECT_EQ(r.original, "list@b.test");
  EXPECT_EQ(r.domain, "y.test");
  EXPECT_EQ(r.state, RecipientState::held);
  EXPECT_EQ(r.attempts, 3u);
  EXPECT_EQ(r.next_attempt, SystemTime(milliseconds(1500)));
  EXPECT_EQ(r.last_reply, "450 later");
  EXPECT_EQ(r.last_status, "4.2.1");
  EXPECT_EQ(r.last_host, "mx.y.test");
  EXPECT_TRUE(r.delay_warned);
}

TEST(LetterRecord, AnotherLettersRecordIsCorrupt) {
  const auto out = decode_letter(78, encode_letter(sample()));
  ASSERT_FALSE(out);
  EXPECT_EQ(out.error().kind, FaultKind::corrupt);
}

TEST(LetterRecord, EveryFlippedByteIsSeen) {
  const std::string good = encode_letter(sample());
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x41);
    EXPECT_FALSE(decode_letter(77, bad)) << i;
    EXPECT_FALSE(decode_letter(77, good.substr(0, i))) << i;
  }
}

TEST(LetterRecord, LineEndsAndNulAreRefused) {
  EXPECT_TRUE(check_letter(sample()));
  for (const char* poison : {"a\rb", "a\nb"}) {
    Letter l = sample();
    l.reverse_path = poison;
    EXPECT_FALSE(check_letter(l));
    l = sample();
    l.envelope_id = poison;
    EXPECT_FALSE(check_letter(l));
    l = sample();
    l.recipients[0].address = poison;
    EXPECT_FALSE(check_letter(l));
    l = sample();
    l.recipients[0].original = std::string("a\0b", 3);
    EXPECT_FALSE(check_letter(l));
  }
  Letter none = sample();
  none.recipients.clear();
  EXPECT_FALSE(check_letter(none));
}

TEST(LetterRecord, RepliesAreCleanedAndCut) {
  EXPECT_EQ(clean_reply("550 no\r\nMAIL FROM:<x>"), "550 no  MAIL FROM:<x>");
  EXPECT_EQ(clean_reply(std::string(2000, 'x')).size(), kMaxReplyBytes);
}

RC_GTEST_PROP(LetterRecord, RandomBytesNeverDecodeNorCrash, (const std::string& bytes)) {
  RC_ASSERT(!decode_letter(1, bytes));
}

}  // namespace
}  // namespace posthouse::queue
