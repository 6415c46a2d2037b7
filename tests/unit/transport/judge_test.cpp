#include "transport/judge.h"

#include <rapidcheck/gtest.h>

#include "support/seeded_random.h"

namespace posthouse::transport {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr SystemTime kStart{milliseconds(1'000'000'000)};

queue::Letter letter() {
  queue::Letter out;
  out.id = 1;
  out.reverse_path = "a@here.test";
  out.accepted = kStart;
  out.expires = kStart + hours(120);
  return out;
}

Finding look(const Answer& answer, SystemTime now, queue::Recipient before = {}) {
  return judge(letter(), std::move(before), answer, now, minutes(5), hours(4));
}

TEST(Judge, Delivered) {
  const Finding f = look(own_answer(250, "2.0.0", "ok"), kStart);
  EXPECT_EQ(f.fate, Fate::delivered);
  EXPECT_EQ(f.recipient.state, queue::RecipientState::delivered);
  EXPECT_EQ(f.recipient.attempts, 1u);
}

TEST(Judge, PermanentFails) {
  const Finding f = look(own_answer(550, "5.1.1", "no such user"), kStart);
  EXPECT_EQ(f.fate, Fate::failed);
  EXPECT_EQ(f.recipient.last_status, "5.1.1");
  EXPECT_EQ(f.recipient.last_reply, "550 5.1.1 no such user");
}

TEST(Judge, TemporaryWaits) {
  for (const int code : {0, 421, 450}) {
    const Finding f = look(own_answer(code, "", "later"), kStart);
    EXPECT_EQ(f.fate, Fate::deferred);
    EXPECT_EQ(f.recipient.next_attempt, kStart + minutes(5));
    EXPECT_FALSE(f.warn);
  }
}

TEST(Judge, TheLastAttemptIsAtExpiry) {
  const Answer later = own_answer(450, "4.2.1", "later");
  const SystemTime end = letter().expires;
  EXPECT_EQ(look(later, end - minutes(1)).recipient.next_attempt, end);
  const Finding f = look(later, end);
  EXPECT_EQ(f.fate, Fate::failed);
  EXPECT_EQ(f.recipient.last_status, "5.4.7");
  EXPECT_EQ(f.recipient.last_reply, "450 4.2.1 later");
}

TEST(Judge, WarnsOnceAfterFourHours) {
  const Answer later = own_answer(450, "4.2.1", "later");
  EXPECT_FALSE(look(later, kStart + hours(4) - minutes(1)).warn);
  const Finding first = look(later, kStart + hours(4));
  EXPECT_TRUE(first.warn);
  EXPECT_TRUE(first.recipient.delay_warned);
  EXPECT_FALSE(look(later, kStart + hours(8), first.recipient).warn);
  queue::Letter bounce = letter();
  bounce.reverse_path.clear();
  EXPECT_FALSE(judge(bounce, {}, later, kStart + hours(5), minutes(5), hours(4)).warn);
}

TEST(Judge, StatusMustFitTheCode) {
  smtp::Reply reply{550, "4.1.1", "contradiction"};
  EXPECT_EQ(answer_from(reply, "h", false).status, "5.0.0");
  EXPECT_EQ(to_line(answer_from(smtp::Reply{554, "", "go away"}, "h", false)), "554 go away");
  EXPECT_EQ(to_line(answer_from(smtp::Reply{554, "5.7.1", "go away"}, "h", false)), "554 5.7.1 go away");
  EXPECT_EQ(to_line(own_answer(451, "4.4.4", "no address")), "451 4.4.4 no address");
  reply = {450, "4.2.2", "full"};
  EXPECT_EQ(answer_from(reply, "h", false).status, "4.2.2");
  reply = {450, "", "a\r\nb"};
  EXPECT_EQ(answer_from(reply, "h", false).status, "4.0.0");
  EXPECT_EQ(answer_from(reply, "h", false).text, "a  b");
  reply = {354, "", "what?"};
  EXPECT_EQ(answer_from(reply, "h", false).code, 0);
  reply = {250, "2.x.0", "fine"};
  EXPECT_EQ(answer_from(reply, "h", false).status, "2.0.0");
}

RC_GTEST_PROP(Judge, DelaysStayWithinTenPercent, (uint32_t attempts, uint64_t seed)) {
  test::SeededRandom random(seed);
  RetryPolicy policy;
  policy.after = default_retry_schedule();
  const size_t step = std::min<size_t>(attempts == 0 ? 0 : attempts - 1, policy.after.size() - 1);
  const milliseconds plain = policy.after[step];
  const milliseconds delay = retry_delay(policy, attempts, random);
  RC_ASSERT(delay >= plain * 9 / 10 && delay <= plain * 11 / 10);
}

}  // namespace
}  // namespace posthouse::transport
