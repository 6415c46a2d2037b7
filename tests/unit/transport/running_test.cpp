// Starting, stopping, the operator, and queues that are long or damaged.
#include "transport/transport.h"

#include "engine/record.h"
#include "queue/rows.h"
#include "unit/transport/house.h"

namespace posthouse::transport {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using testing::HostScript;
using ::testing::SizeIs;
using testing::TransportTest;

class Running : public TransportTest {};

TEST_F(Running, ARestartGoesOn) {
  HostScript busy;
  busy.mail_reply = "450 later";
  host("one.test", "192.0.2.1", busy);
  host("two.test", "192.0.2.2");
  start();
  const uint64_t id = post({"x@one.test", "y@two.test"});
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  ASSERT_TRUE(wait_attempts(id, "y@two.test", 1));
  stop();
  net->set_host("192.0.2.1", {});
  clock.advance(minutes(10));
  start();
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(1));
  EXPECT_THAT(net->received("192.0.2.2"), SizeIs(1));
}

TEST_F(Running, WhatIsCutOffStaysInTheQueueAsItWas) {
  HostScript mute;
  mute.silent_at_end = true;
  host("one.test", "192.0.2.1", mute);
  start();
  const uint64_t id = post({"x@one.test"});
  ASSERT_TRUE(wait([&] { return net->silent_ends("192.0.2.1") == 1; }));
  stop(milliseconds(0));
  EXPECT_EQ(recipient(id, "x@one.test")->attempts, 0u);
}

TEST_F(Running, TheOperatorsBounce) {
  HostScript busy;
  busy.mail_reply = "450 later";
  host("one.test", "192.0.2.1", busy);
  start();
  const uint64_t id = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  on_loop([&] {
    spawn([](Transport* t, uint64_t letter) -> Task<void> {
      Result<Told> done = co_await t->bounce(letter);
      EXPECT_EQ(done.value_or(Told::nobody), Told::sender);
    }(transport.get(), id));
  });
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("returned by the operator"));
}

TEST_F(Running, HeldLettersWaitForTheirRelease) {
  host("one.test", "192.0.2.1");
  const uint64_t id = post({"x@one.test"});
  queue::Filter filter;
  filter.id = id;
  ASSERT_EQ(run(queue.hold(filter)).value(), 1u);
  start();
  post({"y@one.test"});
  ASSERT_TRUE(wait_received("192.0.2.1", 1));
  ASSERT_EQ(run(queue.release(filter)).value(), 1u);
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(2));
}

// Rows of another format, and rows that are none, lie between the letters when the program starts.
TEST_F(Running, JunkInTheQueueStopsNobody) {
  host("one.test", "192.0.2.1");
  const auto row = [this](std::string key, std::string value) {
    std::vector<engine::Step> steps;
    steps.push_back({queue::shard_of(0), [key, value](engine::Transaction& rows) -> Result<void> {
                       rows.put(key, value);
                       return {};
                     }});
    ASSERT_TRUE(run(engine.transact(std::move(steps))));
  };
  const auto junk = [this](size_t most) {
    std::string bytes(random.below(most + 1), '\0');
    random.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
    return bytes;
  };
  const uint64_t due = queue::schedule_millis(clock.now());
  for (uint64_t i = 0; i < 300; ++i) {
    if (i % 10 == 0) post({"x@one.test"});
    // A letter row of an older or a newer format, or of noise, with its place in the schedule.
    const uint64_t id = random.u64();
    const std::string record =
        i % 3 == 0 ? junk(200) : engine::RecordWriter(i % 2 == 0 ? 0 : 9).bytes(junk(100)).finish();
    row(queue::letter_key(id), record);
    row(queue::schedule_key({due - random.below(1000), id}), junk(3));
    row(queue::schedule_key({due - random.below(1000), random.u64()}), "");  // without a letter
    for (const char* kind : {"l", "s", "x", "n", "?", ""}) row(kind + junk(20) + '!', junk(50));
  }
  row("n", "no counters");
  start();
  ASSERT_TRUE(wait([this] {
    happened();
    return net->received("192.0.2.1").size() == 30 && queued().empty();
  }));
  ASSERT_TRUE(wait([this] {  // what was in the schedule is set aside, where the operator sees it
    happened();
    return run(queue.totals()).value().set_aside >= 300;
  }));
  EXPECT_TRUE(run(queue.list_set_aside(10'000)));
  post({"y@one.test"});
  EXPECT_TRUE(wait_received("192.0.2.1", 31));
}

// What can't be written down would be sent again after the next start.
TEST_F(Running, NothingMoreIsSentWhileTheStoreTakesNoOutcome) {
  options.max_per_destination = 2;
  host("one.test", "192.0.2.1");
  host("two.test", "192.0.2.2");
  for (int i = 0; i < 50; ++i) post({i % 2 == 0 ? "x@one.test" : "y@two.test"});
  engine.transact_fault = Fault{FaultKind::io, "the disk failed"};
  start();
  ASSERT_TRUE(wait([this] {
    happened();
    return engine.refused >= 2;
  }));
  for (int look = 0; look < 100; ++look) {
    wake();
    EXPECT_TRUE(run(queue.next_due()));
  }
  EXPECT_LE(net->received("192.0.2.1").size() + net->received("192.0.2.2").size(), 8u);  // those under way
  on_loop([this] { engine.transact_fault.reset(); });
  ASSERT_TRUE(wait([this] {
    happened();
    return queued().empty();
  }));
  EXPECT_EQ(net->received("192.0.2.1").size() + net->received("192.0.2.2").size(), 50u);
}

// It would wait for up to a minute otherwise, while whoever stops us waits for it.
TEST_F(Running, AStoreThatTakesNoOutcomeHoldsUpNoStop) {
  host("one.test", "192.0.2.1");
  for (int i = 0; i < 3; ++i) post({"x@one.test"});
  engine.transact_fault = Fault{FaultKind::no_space, "full"};
  start();
  ASSERT_TRUE(wait([this] {
    happened();
    return engine.refused >= 2;
  }));
  const auto begin = std::chrono::steady_clock::now();
  stop(hours(1));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(10));
  engine.transact_fault.reset();
  EXPECT_THAT(queued(), SizeIs(3));
}

// Letters that are put off wait for the store: they must not all wait in memory.
TEST_F(Running, NotAllOfALongQueueIsPutOffAtOnce) {
  options.max_per_destination = 1;
  options.max_parked = 10;
  HostScript silent;
  silent.silent_at_end = true;
  host("slow.test", "192.0.2.1", silent);
  for (int i = 0; i < 4000; ++i) post({"x@slow.test"});
  engine.transact_fault = Fault{FaultKind::no_space, "full"};
  start();
  ASSERT_TRUE(wait([this] {
    happened();
    return engine.refused >= 100;
  }));
  for (int look = 0; look < 100; ++look) {
    wake();
    EXPECT_TRUE(run(queue.next_due()));
  }
  EXPECT_LE(engine.refused, 1024u);
  on_loop([this] { engine.transact_fault.reset(); });
  const SystemTime begin = clock.now();
  EXPECT_TRUE(wait([&] {  // when there is room they are put off, all but those that are in hand
    happened();
    size_t later = 0;
    queue::Filter all;
    all.most = 10'000;
    for (const queue::Letter& letter : run(queue.list(all)).value())
      later += letter.recipients[0].next_attempt > begin ? 1 : 0;
    return later >= 3000;
  }));
}

TEST_F(Running, MoreLettersThanFitIntoMemory) {
  options.max_per_destination = 8;
  host("slow.test", "192.0.2.1");
  host("other.test", "192.0.2.2");
  for (int i = 0; i < 3000; ++i) post({"x@slow.test"});
  post({"y@other.test"});
  start();
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(3000));
  EXPECT_THAT(net->received("192.0.2.2"), SizeIs(1));
}

}  // namespace
}  // namespace posthouse::transport
