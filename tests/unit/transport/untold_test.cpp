// Bounces and warnings that can't be placed: they hold up nobody.
#include "transport/transport.h"

#include "unit/transport/house.h"

namespace posthouse::transport {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using testing::HostScript;
using ::testing::Not;
using ::testing::SizeIs;
using testing::TransportTest;

// Notices that can't be placed. The letters to other hosts must go on in each case.
class Untold : public TransportTest {
 protected:
  void SetUp() override {
    TransportTest::SetUp();
    HostScript refusing;
    refusing.rcpt_replies["x@one.test"] = "550 5.1.1 no";
    host("one.test", "192.0.2.1", refusing);
    host("two.test", "192.0.2.2");
    full = account("full@example.test", 10);
  }
  // Nothing can be put into the account's mailboxes any more.
  void damage(directory::AccountId account) {
    std::vector<engine::Step> steps;
    steps.push_back(
        {{engine::PartitionKind::account, account}, [](engine::Transaction& rows) -> Result<void> {
           std::vector<std::string> keys;
           Result<void> seen = rows.scan("", "", [&](std::string_view key, std::string_view) {
             keys.emplace_back(key);
             return true;
           });
           for (const std::string& key : keys) rows.put(key, "damaged");
           return seen;
         }});
    ASSERT_TRUE(run(engine.transact(std::move(steps))));
  }
  // Letters still go out.
  void expect_others_go_on() {
    const size_t before = net->received("192.0.2.2").size();
    post({"y@two.test"}, "bob@example.test");
    EXPECT_TRUE(wait_received("192.0.2.2", before + 1));
  }
  // A letter to a host that wants it later.
  uint64_t put_off(const std::string& sender) {
    HostScript busy;
    busy.mail_reply = "450 4.7.1 greylisted";
    host("one.test", "192.0.2.1", busy);
    start();
    const uint64_t id = post({"x@one.test"}, sender);
    EXPECT_TRUE(wait_attempts(id, "x@one.test", 1));
    return id;
  }
  bool tried_again(uint64_t id, uint32_t attempts) {
    pass(hours(5));
    return wait_attempts(id, "x@one.test", attempts);
  }
  Result<Told> bounce(uint64_t id) {
    std::optional<Result<Told>> out;
    std::atomic<bool> done = false;
    on_loop([&] {
      spawn([](Transport* t, uint64_t letter, std::optional<Result<Told>>* result, std::atomic<bool>* flag,
               Untold* test) -> Task<void> {
        Result<Told> told = co_await t->bounce(letter);
        *result = std::move(told);
        flag->store(true);
        test->happened();
      }(transport.get(), id, &out, &done, this));
    });
    EXPECT_TRUE(wait([&] { return done.load(); }));
    return done ? *out : fail(FaultKind::timeout, "no answer");
  }

  directory::AccountId full = 0;
};

TEST_F(Untold, ASenderWhoseMailboxIsFullMeansThePostmaster) {
  start();
  post({"x@one.test", "y@two.test"}, "full@example.test");
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.2"), SizeIs(1));
  EXPECT_THAT(mailbox(full), SizeIs(0));
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("Subject: Undeliverable bounce"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("full@example.test"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("the account is full"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("\r\n  x@one.test\r\n    mx.one.test: 550 5.1.1 no\r\n"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("\r\nTo: <postmaster@example.test>\r\n"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("Hi."));
  expect_others_go_on();
}

TEST_F(Untold, ThePostmasterHasADomain) {
  options.postmaster_domain = "";
  start();
  post({"x@one.test"}, "full@example.test");
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr(fmt::format("\r\nTo: <postmaster@{}>\r\n", options.hostname)));
}

TEST_F(Untold, ThePostmasterIsOfTheDefaultDomain) {
  options.postmaster_domain = "";
  options.default_domain = "example.test";
  start();
  post({"x@one.test"}, "");
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("\r\nTo: <postmaster@example.test>\r\n"));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("\r\n  x@one.test\r\n    mx.one.test: 550 5.1.1 no\r\n"));
}

TEST_F(Untold, APostmasterWhoseMailboxIsFullGetsItNevertheless) {
  directory::Account boss = *run(directory.account(alice));
  boss.quota_bytes = 10;
  ASSERT_TRUE(run(directory.update_account(boss)));
  start();
  post({"x@one.test"}, "");
  ASSERT_TRUE(wait_empty());
  post({"x@one.test"}, "full@example.test");
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(mailbox(alice), SizeIs(2));
  expect_others_go_on();
}

TEST_F(Untold, WithoutAPostmasterEitherItIsSetAside) {
  damage(alice);
  start();
  const uint64_t id = post({"x@one.test"}, "full@example.test");
  ASSERT_TRUE(wait([&] { return run(queue.totals())->set_aside == 1; }));
  EXPECT_TRUE(run(queue.find_set_aside(id)).value());
  EXPECT_THAT(queued(), SizeIs(0));
  expect_others_go_on();
}

// The fault of the notice is not one of the letter: what was delivered is written down.
TEST_F(Untold, ASenderWhoseAccountIsDamagedMeansThePostmaster) {
  damage(bob);
  start();
  post({"x@one.test", "y@two.test"}, "bob@example.test");
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.2"), SizeIs(1));
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

TEST_F(Untold, ALetterOfALocalSenderToAPostmasterElsewhereIsNoCircle) {
  HostScript refusing;
  refusing.rcpt_replies["postmaster@one.test"] = "550 5.1.1 no";
  host("one.test", "192.0.2.1", refusing);
  start();
  post({"postmaster@one.test"}, "full@example.test");
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

TEST_F(Untold, ADelayWarningThatIsRefusedIsDroppedForGood) {
  const uint64_t id = put_off("full@example.test");
  ASSERT_TRUE(tried_again(id, 2));
  EXPECT_TRUE(recipient(id, "x@one.test")->delay_warned);
  EXPECT_EQ(recipient(id, "x@one.test")->state, queue::RecipientState::waiting);
  EXPECT_THAT(mailbox(full), SizeIs(0));
  EXPECT_THAT(mailbox(alice), SizeIs(0));
  expect_others_go_on();
}

TEST_F(Untold, ADelayWarningWithoutRoomIsDroppedForGood) {
  const uint64_t id = put_off("bob@example.test");
  on_loop([this] { engine.blob_fault = Fault{FaultKind::no_space, "disk full"}; });
  ASSERT_TRUE(tried_again(id, 2));
  EXPECT_TRUE(recipient(id, "x@one.test")->delay_warned);
  on_loop([this] { engine.blob_fault.reset(); });
  ASSERT_TRUE(tried_again(id, 3));
  EXPECT_THAT(mailbox(bob), SizeIs(0));
  expect_others_go_on();
}

TEST_F(Untold, ARefusedWarningDoesNotCostTheBounce) {
  options.smarthost = Smarthost{"relay.test", 25, "", {}, Smarthost::Tls::none};
  HostScript relay;
  relay.rcpt_replies["a@late.test"] = "450 4.7.1 greylisted";
  relay.rcpt_replies["b@late.test"] = "450 4.7.1 greylisted";
  resolver.add_address("relay.test", "192.0.2.50");
  net->set_host("192.0.2.50", relay);
  start();
  const uint64_t id = post({"a@late.test", "b@late.test"}, "full@example.test");
  ASSERT_TRUE(wait_attempts(id, "a@late.test", 1));
  ASSERT_TRUE(wait_attempts(id, "b@late.test", 1));
  relay.rcpt_replies["b@late.test"] = "550 5.1.1 no";
  net->set_host("192.0.2.50", relay);
  pass(hours(5));
  ASSERT_TRUE(wait_attempts(id, "b@late.test", 2));
  EXPECT_EQ(recipient(id, "b@late.test")->state, queue::RecipientState::failed);
  EXPECT_TRUE(recipient(id, "a@late.test")->delay_warned);
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("b@late.test"));
  EXPECT_THAT(mailbox(alice)[0], Not(HasSubstr("a@late.test")));
}

// The bounce has bytes, which need room; the outcome is a small row.
TEST_F(Untold, WithoutRoomForTheBounceItIsTriedLater) {
  const uint64_t id = post({"x@one.test", "y@two.test"}, "bob@example.test");
  engine.blob_fault = Fault{FaultKind::no_space, "disk full"};
  start();
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  ASSERT_TRUE(wait_attempts(id, "y@two.test", 1));
  const auto waiting = recipient(id, "x@one.test");
  EXPECT_EQ(waiting->state, queue::RecipientState::waiting);
  EXPECT_EQ(waiting->last_status, "5.1.1");
  EXPECT_GE(waiting->next_attempt, clock.now() + minutes(4));
  EXPECT_EQ(recipient(id, "y@two.test")->state, queue::RecipientState::delivered);
  // The operator's bounce says so at once, and changes nothing.
  const Result<Told> returned = bounce(id);
  ASSERT_FALSE(returned);
  EXPECT_EQ(returned.error().kind, FaultKind::no_space);
  EXPECT_EQ(recipient(id, "x@one.test")->attempts, 1u);
  on_loop([this] { engine.blob_fault.reset(); });
  expect_others_go_on();
  pass(minutes(6));
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(bob), SizeIs(1));
  EXPECT_THAT(mailbox(bob)[0], HasSubstr("Action: failed"));
}

TEST_F(Untold, TheOperatorsBounceSaysWhoGotIt) {
  HostScript busy;
  busy.mail_reply = "450 later";
  host("busy.test", "192.0.2.3", busy);
  start();
  const uint64_t one = post({"a@busy.test"}, "full@example.test");
  ASSERT_TRUE(wait_attempts(one, "a@busy.test", 1));
  EXPECT_EQ(bounce(one).value(), Told::postmaster);
  const uint64_t two = post({"b@busy.test"}, "bob@example.test");
  ASSERT_TRUE(wait_attempts(two, "b@busy.test", 1));
  EXPECT_EQ(bounce(two).value(), Told::sender);
  EXPECT_EQ(bounce(two).error().kind, FaultKind::not_found);
  EXPECT_THAT(queued(), SizeIs(0));
  expect_others_go_on();
}

}  // namespace
}  // namespace posthouse::transport
