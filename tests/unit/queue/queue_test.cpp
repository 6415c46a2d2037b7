#include "queue/queue.h"

#include "unit/queue/house.h"

namespace posthouse::queue {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Ids = std::vector<LetterId>;

struct QueueTest : ::testing::Test {
  testing::House house;
};

Filter by_id(LetterId id) {
  Filter f;
  f.id = id;
  return f;
}

TEST_F(QueueTest, GivesWhatIsDueEarliestFirst) {
  Letter late = house.letter(1);
  late.recipients[0].next_attempt += seconds(10);
  ASSERT_TRUE(house.stage(late));
  house.clock.advance(seconds(5));
  ASSERT_TRUE(house.stage(house.letter(2)));
  ASSERT_TRUE(house.stage(house.letter(3)));
  EXPECT_EQ(house.due(), (Ids{2, 3}));
  EXPECT_EQ(house.next_due(), house.clock.now());
  house.clock.advance(seconds(5));
  EXPECT_EQ(house.due(), (Ids{2, 3, 1}));
  EXPECT_EQ(house.due(2), (Ids{2, 3}));
  EXPECT_EQ(house.due(2, {2, 3}), (Ids{1}));
  EXPECT_THAT(house.due(0), IsEmpty());
}

TEST_F(QueueTest, DeferringMovesInTheSchedule) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  ASSERT_TRUE(house.defer(1, "a@one.test", seconds(60)));
  EXPECT_THAT(house.due(), IsEmpty());
  EXPECT_EQ(house.next_due(), house.clock.now() + seconds(60));
  EXPECT_EQ(house.find(1)->recipients[0].attempts, 1u);
  EXPECT_EQ(house.count_rows(kScheduleBegin, kScheduleEnd), 1u);
}

TEST_F(QueueTest, TheLastRecipientTakesLetterAndBlobWithIt) {
  ASSERT_TRUE(house.stage(house.letter(1, {"a@one.test", "b@two.test"})));
  ASSERT_TRUE(house.finish(1, "a@one.test", RecipientState::delivered));
  EXPECT_TRUE(house.find(1));
  house.sweep();
  EXPECT_TRUE(house.blob_readable(1));
  ASSERT_TRUE(house.finish(1, "b@two.test", RecipientState::failed));
  EXPECT_FALSE(house.find(1));
  EXPECT_EQ(house.totals().letters, 0u);
  EXPECT_EQ(house.count_rows(kScheduleBegin, kScheduleEnd), 0u);
  house.sweep();
  EXPECT_FALSE(house.blob_readable(1));
}

TEST_F(QueueTest, AlsoGoesIntoTheSameTransaction) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  Queue::Outcome outcome;
  outcome.id = 1;
  outcome.recipients.push_back(testing::waiting("a@one.test", house.clock.now()));
  outcome.recipients[0].state = RecipientState::failed;
  const Letter bounce = house.letter(2, {"sender@here.test"});
  outcome.also.push_back(house.queue->stage(bounce));
  ASSERT_TRUE(house.record(outcome));
  EXPECT_FALSE(house.find(1));
  EXPECT_TRUE(house.find(2));
}

TEST_F(QueueTest, AStepThatFailsUndoesAll) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  Queue::Outcome outcome;
  outcome.id = 1;
  outcome.recipients.push_back(testing::waiting("a@one.test", house.clock.now()));
  outcome.recipients[0].state = RecipientState::failed;
  outcome.also.push_back({shard_of(0), [](engine::Transaction& rows) -> Result<void> {
                            rows.put("zz", "x");
                            return fail(FaultKind::no_space, "full");
                          }});
  EXPECT_EQ(house.record(outcome).error().kind, FaultKind::no_space);
  EXPECT_EQ(house.due(), (Ids{1}));
  EXPECT_FALSE(house.has_row("zz"));
}

TEST_F(QueueTest, NothingHappensForALetterThatIsGone) {
  Queue::Outcome outcome;
  outcome.id = 9;
  outcome.also.push_back(house.queue->stage(house.letter(2)));
  EXPECT_EQ(house.record(outcome).error().kind, FaultKind::not_found);
  EXPECT_FALSE(house.find(2));
}

TEST_F(QueueTest, PoisonedEnvelopesAreNeverStaged) {
  Letter l = house.letter(1);
  l.recipients[0].address = "a@one.test>\r\nRCPT TO:<b@two.test";
  EXPECT_EQ(house.stage(l).error().kind, FaultKind::syntax);
  EXPECT_FALSE(house.find(1));
}

TEST_F(QueueTest, RepliesOfOthersAreCleaned) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  Queue::Outcome outcome;
  outcome.id = 1;
  outcome.recipients.push_back(testing::waiting("a@one.test", house.clock.now() + seconds(1)));
  outcome.recipients[0].last_reply = "450 no\r\nQUIT";
  ASSERT_TRUE(house.record(outcome));
  EXPECT_EQ(house.find(1)->recipients[0].last_reply, "450 no  QUIT");
}

TEST_F(QueueTest, HoldAndReleaseByFilter) {
  ASSERT_TRUE(house.stage(house.letter(1, {"a@one.test", "b@two.test"})));
  ASSERT_TRUE(house.stage(house.letter(2, {"c@two.test"})));
  Filter two;
  two.domain = "two.test";
  EXPECT_EQ(house.executor.run(house.queue->hold(two)).value(), 2u);
  EXPECT_EQ(house.executor.run(house.queue->hold(two)).value(), 0u);
  EXPECT_EQ(house.due(), (Ids{1}));
  EXPECT_EQ(house.totals().held, 1u);
  EXPECT_EQ(house.totals().waiting, 1u);
  house.clock.advance(seconds(3));
  EXPECT_EQ(house.executor.run(house.queue->release(two)).value(), 2u);
  EXPECT_EQ(house.due(), (Ids{1, 2}));
  EXPECT_EQ(house.totals().held, 0u);
}

TEST_F(QueueTest, AHoldOutlivesAnAttemptThatWasUnderWay) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  ASSERT_EQ(house.lease(), (Ids{1}));
  ASSERT_EQ(house.executor.run(house.queue->hold(by_id(1))).value(), 1u);
  ASSERT_TRUE(house.defer(1, "a@one.test", seconds(5)));
  house.queue->give_back(1);
  EXPECT_EQ(house.find(1)->recipients[0].state, RecipientState::held);
  EXPECT_EQ(house.find(1)->recipients[0].attempts, 1u);
  house.clock.advance(seconds(10));
  EXPECT_THAT(house.lease(), IsEmpty());
  // A delivery that happened all the same ends it.
  ASSERT_TRUE(house.finish(1, "a@one.test", RecipientState::delivered));
  EXPECT_FALSE(house.find(1));
}

TEST_F(QueueTest, RetryNowAndRemove) {
  Letter l = house.letter(1, {"a@one.test", "b@two.test"});
  for (Recipient& r : l.recipients) r.next_attempt += seconds(500);
  ASSERT_TRUE(house.stage(l));
  EXPECT_THAT(house.due(), IsEmpty());
  EXPECT_EQ(house.executor.run(house.queue->retry_now(by_id(1))).value(), 1u);
  EXPECT_EQ(house.due(), (Ids{1}));
  Filter b;
  b.recipient = "B@TWO";
  EXPECT_EQ(house.executor.run(house.queue->remove(b)).value(), 1u);
  EXPECT_EQ(house.find(1)->recipients[1].state, RecipientState::failed);
  EXPECT_EQ(house.executor.run(house.queue->remove(by_id(1))).value(), 1u);
  EXPECT_FALSE(house.find(1));
  house.sweep();
  EXPECT_FALSE(house.blob_readable(1));
}

TEST_F(QueueTest, VerbsReachManyLettersAndKeepTheirLimit) {
  for (LetterId id = 1; id <= 250; ++id) ASSERT_TRUE(house.stage(house.letter(id)));
  Filter all;
  all.most = 240;
  EXPECT_EQ(house.executor.run(house.queue->hold(all)).value(), 240u);
  EXPECT_EQ(house.totals().held, 240u);
  EXPECT_EQ(house.executor.run(house.queue->list(all))->size(), 240u);
  Filter held;
  held.state = RecipientState::held;
  EXPECT_EQ(house.executor.run(house.queue->list(held))->size(), 240u);
  held.sender = "nobody";
  EXPECT_THAT(house.executor.run(house.queue->list(held)).value(), IsEmpty());
}

TEST_F(QueueTest, ABadRecordIsSetAsideAndTheOthersGoOn) {
  for (LetterId id = 1; id <= 3; ++id) ASSERT_TRUE(house.stage(house.letter(id)));
  house.put_row(letter_key(2), "not a record");
  EXPECT_EQ(house.due(), (Ids{1, 3}));
  EXPECT_FALSE(house.has_row(letter_key(2)));
  EXPECT_EQ(house.totals().set_aside, 1u);
  EXPECT_EQ(house.totals().letters, 2u);
  EXPECT_EQ(house.totals().waiting, 2u);
  const auto aside = house.executor.run(house.queue->list_set_aside(10)).value();
  ASSERT_EQ(aside.size(), 1u);
  EXPECT_EQ(aside[0].id, 2u);
  EXPECT_EQ(aside[0].value, "not a record");
  EXPECT_FALSE(aside[0].reason.empty());
  EXPECT_EQ(house.due(), (Ids{1, 3}));
  EXPECT_EQ(house.executor.run(house.queue->restore(2)).error().kind, FaultKind::corrupt);
  EXPECT_TRUE(house.executor.run(house.queue->discard(2)));
  EXPECT_EQ(house.totals().set_aside, 0u);
}

TEST_F(QueueTest, BadRecordsAreFoundByEveryRoad) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  ASSERT_TRUE(house.stage(house.letter(2)));
  ASSERT_TRUE(house.stage(house.letter(3)));
  ASSERT_TRUE(house.stage(house.letter(4)));
  for (LetterId id = 1; id <= 4; ++id) house.put_row(letter_key(id), std::string("\x7fgarbage", 8));
  EXPECT_EQ(house.executor.run(house.queue->find(1)).error().kind, FaultKind::corrupt);
  EXPECT_EQ(house.finish(2, "a@one.test", RecipientState::delivered).error().kind, FaultKind::corrupt);
  EXPECT_EQ(house.executor.run(house.queue->list(by_id(3))).value().size(), 0u);
  EXPECT_THAT(house.lease(), IsEmpty());
  EXPECT_EQ(house.totals().set_aside, 4u);
  EXPECT_EQ(house.totals().letters, 0u);
  house.restart();
  EXPECT_THAT(house.lease(), IsEmpty());
  EXPECT_EQ(house.totals().waiting, 0u);
  EXPECT_EQ(house.count_rows(kScheduleBegin, kScheduleEnd), 0u);
}

TEST_F(QueueTest, BadKeysAndBadCountersAreRepaired) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  house.put_row(std::string("s\0", 2), "");
  house.put_row("lx", "y");
  house.put_row("n", "broken");
  EXPECT_EQ(house.due(), (Ids{1}));
  EXPECT_EQ(house.executor.run(house.queue->list(Filter{})).value().size(), 1u);
  EXPECT_EQ(house.totals().set_aside, 2u);
  EXPECT_EQ(house.totals().letters, 1u);
  EXPECT_EQ(house.totals().waiting, 1u);
}

TEST_F(QueueTest, AScheduleRowWithoutALetterGoes) {
  house.put_row(schedule_key({1, 99}), "");
  EXPECT_THAT(house.lease(), IsEmpty());
  EXPECT_FALSE(house.has_row(schedule_key({1, 99})));
}

TEST_F(QueueTest, SetAsideAndRestore) {
  ASSERT_TRUE(house.stage(house.letter(1)));
  ASSERT_TRUE(house.executor.run(house.queue->set_aside(1, "nobody to tell")));
  EXPECT_THAT(house.due(), IsEmpty());
  EXPECT_EQ(house.totals().set_aside, 1u);
  const auto aside = house.executor.run(house.queue->find_set_aside(1)).value();
  ASSERT_TRUE(aside);
  EXPECT_EQ(aside->id, 1u);
  EXPECT_EQ(aside->reason, "nobody to tell");
  EXPECT_EQ(Queue::letter_of(*aside).value().recipients.at(0).address, "a@one.test");
  EXPECT_FALSE(house.executor.run(house.queue->find_set_aside(2)).value());
  house.sweep();
  EXPECT_TRUE(house.blob_readable(1));
  ASSERT_TRUE(house.executor.run(house.queue->restore(1)));
  EXPECT_EQ(house.lease(), (Ids{1}));
  EXPECT_EQ(house.totals().set_aside, 0u);
  ASSERT_TRUE(house.executor.run(house.queue->set_aside(1, "again")));
  ASSERT_TRUE(house.executor.run(house.queue->discard(1)));
  house.sweep();
  EXPECT_FALSE(house.blob_readable(1));
}

TEST_F(QueueTest, LeasedLettersAreNotGivenTwice) {
  for (LetterId id = 1; id <= 5; ++id) ASSERT_TRUE(house.stage(house.letter(id)));
  EXPECT_EQ(house.lease(2), (Ids{1, 2}));
  EXPECT_EQ(house.lease(2), (Ids{3, 4}));
  EXPECT_FALSE(house.queue->lease_one(3));
  ASSERT_TRUE(house.finish(1, "a@one.test", RecipientState::delivered));
  ASSERT_TRUE(house.defer(2, "a@one.test", seconds(30)));
  for (const LetterId id : {1, 2, 3}) house.queue->give_back(id);
  EXPECT_EQ(house.lease(), (Ids{3, 5}));
  EXPECT_EQ(house.next_due(), house.clock.now() + seconds(30));
  house.clock.advance(seconds(30));
  EXPECT_EQ(house.lease(), (Ids{2}));
  EXPECT_FALSE(house.next_due());
}

TEST_F(QueueTest, ARestartFreesAllLeases) {
  for (LetterId id = 1; id <= 3; ++id) ASSERT_TRUE(house.stage(house.letter(id)));
  EXPECT_EQ(house.lease(), (Ids{1, 2, 3}));
  house.restart();
  EXPECT_EQ(house.lease(), (Ids{1, 2, 3}));
}

TEST_F(QueueTest, TellsOfChanges) {
  int calls = 0;
  const auto watch = house.queue->watch([&calls] { ++calls; });
  ASSERT_TRUE(house.stage(house.letter(1)));
  EXPECT_GE(calls, 1);
}

}  // namespace
}  // namespace posthouse::queue
