// Letters on their way out, and what comes of those that fail.
#include "transport/transport.h"

#include "unit/transport/house.h"

namespace posthouse::transport {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HostScript;
using ::testing::Not;
using ::testing::SizeIs;
using testing::TransportTest;

class Sending : public TransportTest {};

TEST_F(Sending, DeliversByMx) {
  host("one.test", "192.0.2.1");
  start();
  post({"x@one.test"}, "alice@example.test", "Subject: hello\r\n\r\n.dot\r\nHi.\r\n");
  ASSERT_TRUE(wait_empty());
  const auto got = net->received("192.0.2.1");
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_THAT(got[0].from, HasSubstr("<alice@example.test>"));
  EXPECT_THAT(got[0].to, ElementsAre("x@one.test"));
  EXPECT_EQ(got[0].body, "Subject: hello\r\n\r\n..dot\r\nHi.\r\n");
  EXPECT_FALSE(got[0].tls);
}

TEST_F(Sending, WhatWasQueuedBeforeTheStartGoesToo) {
  host("one.test", "192.0.2.1");
  for (int i = 0; i < 20; ++i) post({"x@one.test"});
  start();
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(20));
}

TEST_F(Sending, RecipientsOfADomainShareATransaction) {
  host("one.test", "192.0.2.1");
  std::vector<std::string> to;
  for (int i = 0; i < 150; ++i) to.push_back("u" + std::to_string(i) + "@one.test");
  post(to);
  start();
  ASSERT_TRUE(wait_empty());
  const auto got = net->received("192.0.2.1");
  ASSERT_THAT(got, SizeIs(2));
  EXPECT_EQ(got[0].to.size() + got[1].to.size(), 150u);
  EXPECT_EQ(std::max(got[0].to.size(), got[1].to.size()), 100u);
}

TEST_F(Sending, OneLetterToThreeDomainsWithMixedResults) {
  HostScript refusing;
  refusing.rcpt_replies["bad@two.test"] = "550 5.1.1 no such user here";
  HostScript busy;
  busy.mail_reply = "451 4.3.0 come back later";
  host("one.test", "192.0.2.1");
  host("two.test", "192.0.2.2", refusing);
  host("three.test", "192.0.2.3", busy);
  const uint64_t id = post({"x@one.test", "bad@two.test", "good@two.test", "y@three.test"});
  start();
  ASSERT_TRUE(wait([&] {
    const auto letter = run(queue.find(id));
    return letter && *letter &&
           std::all_of((*letter)->recipients.begin(), (*letter)->recipients.end(),
                       [](const queue::Recipient& r) { return r.attempts == 1; });
  }));
  EXPECT_EQ(recipient(id, "x@one.test")->state, queue::RecipientState::delivered);
  EXPECT_EQ(recipient(id, "good@two.test")->state, queue::RecipientState::delivered);
  EXPECT_EQ(recipient(id, "bad@two.test")->state, queue::RecipientState::failed);
  const auto waiting = *recipient(id, "y@three.test");
  EXPECT_EQ(waiting.state, queue::RecipientState::waiting);
  EXPECT_EQ(waiting.last_status, "4.3.0");
  EXPECT_EQ(waiting.last_host, "mx.three.test");
  EXPECT_GE(waiting.next_attempt, clock.now() + minutes(4));
  EXPECT_LE(waiting.next_attempt, clock.now() + minutes(6));
  EXPECT_THAT(net->received("192.0.2.2"), SizeIs(1));

  const auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(1));
  EXPECT_THAT(inbox[0], HasSubstr("Return-Path: <>"));
  EXPECT_THAT(inbox[0], HasSubstr("multipart/report"));
  EXPECT_THAT(inbox[0], HasSubstr("Final-Recipient: rfc822;bad@two.test"));
  EXPECT_THAT(inbox[0], HasSubstr("Action: failed"));
  EXPECT_THAT(inbox[0], HasSubstr("Status: 5.1.1"));
  EXPECT_THAT(inbox[0], HasSubstr("Remote-MTA: dns; mx.two.test"));
  EXPECT_THAT(inbox[0], HasSubstr("no such user here"));
  EXPECT_THAT(inbox[0], HasSubstr("Subject: hello"));
  EXPECT_THAT(inbox[0], HasSubstr("Hi."));
  EXPECT_THAT(inbox[0], Not(HasSubstr("good@two.test")));

  net->set_host("192.0.2.3", {});
  pass(minutes(6));
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.3"), SizeIs(1));
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(1));
}

TEST_F(Sending, ReusesAConnection) {
  host("one.test", "192.0.2.1");
  start();
  for (int i = 0; i < 3; ++i) {
    post({"x@one.test"});
    ASSERT_TRUE(wait_empty());
  }
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(3));
  EXPECT_EQ(net->connections("192.0.2.1"), 1u);
  // After a while it is closed.
  pass(seconds(6));
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_EQ(net->connections("192.0.2.1"), 2u);
}

TEST_F(Sending, AConnectionThatWasClosedMeanwhileIsNoFailure) {
  HostScript hasty;
  hasty.letters_a_connection = 1;
  host("one.test", "192.0.2.1", hasty);
  start();
  for (int i = 0; i < 3; ++i) {
    post({"x@one.test"});
    ASSERT_TRUE(wait_empty());
  }
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(3));
}

TEST_F(Sending, KeepsToTheConnectionLimits) {
  options.max_per_destination = 3;
  options.max_letters_per_connection = 5;
  host("one.test", "192.0.2.1");
  for (int i = 0; i < 100; ++i) post({"x@one.test"});
  start();
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(100));
  EXPECT_LE(net->most_at_once("192.0.2.1"), 3u);
  EXPECT_GE(net->connections("192.0.2.1"), 20u);
}

TEST_F(Sending, ManyDestinationsShareAllConnections) {
  options.max_connections = 2;
  for (int i = 1; i <= 20; ++i) {
    const std::string n = std::to_string(i);
    host("d" + n + ".test", "192.0.2." + n);
    post({"x@d" + n + ".test"});
    post({"y@d" + n + ".test"});
  }
  start();
  ASSERT_TRUE(wait_empty());
  for (int i = 1; i <= 20; ++i) EXPECT_THAT(net->received("192.0.2." + std::to_string(i)), SizeIs(2));
}

TEST_F(Sending, AHostWithRoomForFewGetsFew) {
  HostScript narrow;
  narrow.most_connections = 2;
  host("one.test", "192.0.2.1", narrow);
  for (int i = 0; i < 60; ++i) post({"x@one.test"});
  start();
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(60));
}

TEST_F(Sending, GoesToTheNextHost) {
  HostScript dead;
  dead.unreachable = true;
  HostScript busy;
  busy.greeting = "421 4.3.2 busy";
  HostScript full;
  full.rcpt_replies["x@one.test"] = "452 4.2.2 full";
  resolver.add_mx("one.test", 10, "a.test");
  resolver.add_mx("one.test", 20, "b.test");
  resolver.add_mx("one.test", 30, "c.test");
  resolver.add_mx("one.test", 40, "d.test");
  resolver.add_address("a.test", "192.0.2.1");
  resolver.add_address("b.test", "192.0.2.2");
  resolver.add_address("c.test", "192.0.2.3");
  resolver.add_address("d.test", "192.0.2.4");
  net->set_host("192.0.2.1", dead);
  net->set_host("192.0.2.2", busy);
  net->set_host("192.0.2.3", full);
  net->set_host("192.0.2.4", {});
  start();
  post({"x@one.test", "y@one.test"});
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(net->received("192.0.2.3"), SizeIs(1));
  EXPECT_THAT(net->received("192.0.2.3")[0].to, ElementsAre("y@one.test"));
  ASSERT_THAT(net->received("192.0.2.4"), SizeIs(1));
  EXPECT_THAT(net->received("192.0.2.4")[0].to, ElementsAre("x@one.test"));
}

TEST_F(Sending, RecipientsTooManyForOneTransactionGoInTheNext) {
  HostScript small;
  small.most_recipients = 2;
  host("one.test", "192.0.2.1", small);
  start();
  post({"a@one.test", "b@one.test", "c@one.test", "d@one.test", "e@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(3));
  EXPECT_EQ(net->connections("192.0.2.1"), 1u);
}

TEST_F(Sending, UsesTlsWhereOffered) {
  HostScript modern;
  modern.starttls = true;
  host("one.test", "192.0.2.1", modern);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_TRUE(net->received("192.0.2.1")[0].tls);
}

TEST_F(Sending, RefusedStartTlsGoesOnInClear) {
  HostScript grumpy;
  grumpy.starttls = true;
  grumpy.starttls_reply = "454 4.7.0 not now";
  host("one.test", "192.0.2.1", grumpy);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_FALSE(net->received("192.0.2.1")[0].tls);
  EXPECT_EQ(net->connections("192.0.2.1"), 1u);
}

TEST_F(Sending, FailedTlsIsTriedAgainInClear) {
  HostScript broken;
  broken.starttls = true;
  broken.tls_broken = true;
  host("one.test", "192.0.2.1", broken);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_FALSE(net->received("192.0.2.1")[0].tls);
  EXPECT_EQ(net->connections("192.0.2.1"), 2u);
  // It is remembered.
  pass(seconds(10));
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_EQ(net->connections("192.0.2.1"), 3u);
}

TEST_F(Sending, SmarthostTakesAll) {
  HostScript relay;
  relay.starttls = true;
  relay.offers.push_back("AUTH PLAIN");
  resolver.add_address("relay.test", "192.0.2.50");
  net->set_host("192.0.2.50", relay);
  options.smarthost = Smarthost{"relay.test", 587, "user", Secret("pass")};
  start();
  post({"x@one.test", "y@two.test"});
  ASSERT_TRUE(wait_empty());
  const auto got = net->received("192.0.2.50");
  ASSERT_THAT(got, SizeIs(1));
  EXPECT_THAT(got[0].to, SizeIs(2));
  EXPECT_TRUE(got[0].tls);
  EXPECT_THAT(got[0].login, HasSubstr("PLAIN"));
}

TEST_F(Sending, LargeLettersGoInPieces) {
  host("one.test", "192.0.2.1");
  std::string text = "Subject: big\r\n\r\n";
  for (int i = 0; text.size() < 700'000; ++i) text += "line " + std::to_string(i) + "\r\n";
  start();
  post({"x@one.test"}, "alice@example.test", text);
  ASSERT_TRUE(wait_empty());
  EXPECT_EQ(net->received("192.0.2.1")[0].body, text);
}

class Failing : public TransportTest {};

TEST_F(Failing, NullMxBouncesAtOnce) {
  resolver.add_mx("null.test", 0, "");
  start();
  post({"x@null.test"});
  ASSERT_TRUE(wait_empty());
  const auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(1));
  EXPECT_THAT(inbox[0], HasSubstr("Status: 5.1.10"));
}

TEST_F(Failing, UnknownDomainBouncesAndSilentDnsWaits) {
  resolver.set_status("mute.test", net::DnsStatus::servfail);
  start();
  const uint64_t id = post({"x@missing.test", "y@mute.test"});
  ASSERT_TRUE(wait_attempts(id, "y@mute.test", 1));
  ASSERT_TRUE(wait_attempts(id, "x@missing.test", 1));
  EXPECT_EQ(recipient(id, "x@missing.test")->last_status, "5.1.2");
  EXPECT_EQ(recipient(id, "y@mute.test")->last_status, "4.4.3");
  EXPECT_EQ(recipient(id, "y@mute.test")->state, queue::RecipientState::waiting);
}

TEST_F(Failing, NeverSendsToItself) {
  resolver.add_mx("loop.test", 10, "localhost.test");
  resolver.add_address("localhost.test", "127.0.0.1");
  resolver.add_mx("own.test", 10, "mx.example.test");
  resolver.add_address("mx.example.test", "192.0.2.77");
  start();
  post({"x@loop.test"});
  post({"x@own.test"});
  post({"x@[127.0.0.1]"});
  ASSERT_TRUE(wait_empty());
  EXPECT_EQ(net->connections("127.0.0.1"), 0u);
  EXPECT_EQ(net->connections("192.0.2.77"), 0u);
  const auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(3));
  for (const std::string& m : inbox) EXPECT_THAT(m, HasSubstr("Status: 5.4.6"));
}

TEST_F(Failing, RetriesWarnsOnceAndGivesUp) {
  HostScript busy;
  busy.mail_reply = "450 4.7.1 greylisted";
  host("one.test", "192.0.2.1", busy);
  start();
  const uint64_t id = post({"x@one.test"});
  uint32_t attempts = 1;
  ASSERT_TRUE(wait_attempts(id, "x@one.test", attempts));
  EXPECT_THAT(mailbox(alice), SizeIs(0));
  // Until the warning, and well beyond it.
  while (clock.now() < test::FakeClock::kStart + hours(20)) {
    const auto next = recipient(id, "x@one.test")->next_attempt;
    pass(std::chrono::duration_cast<milliseconds>(next - clock.now()));
    ASSERT_TRUE(wait_attempts(id, "x@one.test", ++attempts));
  }
  EXPECT_GE(attempts, 8u);
  auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(1));
  EXPECT_THAT(inbox[0], HasSubstr("Action: delayed"));
  EXPECT_THAT(inbox[0], HasSubstr("Will-Retry-Until:"));
  EXPECT_THAT(inbox[0], HasSubstr("greylisted"));
  pass(hours(120));
  ASSERT_TRUE(wait_empty());
  inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(2));
  EXPECT_THAT(inbox[1], HasSubstr("Action: failed"));
  EXPECT_THAT(inbox[1], HasSubstr("Status: 5.4.7"));
}

TEST_F(Failing, ADeadDestinationIsNotTriedForEveryLetter) {
  HostScript dead;
  dead.unreachable = true;
  host("one.test", "192.0.2.1", dead);
  std::vector<uint64_t> letters;
  for (int i = 0; i < 30; ++i) letters.push_back(post({"x@one.test"}));
  start();
  for (const uint64_t id : letters) ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  EXPECT_LE(net->connections("192.0.2.1"), 4u);
  EXPECT_EQ(recipient(letters[29], "x@one.test")->last_status, "4.4.1");
  net->set_host("192.0.2.1", {});
  pass(minutes(6));
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(30));
}

TEST_F(Failing, TheOperatorsRetryReopensAClosedDestination) {
  HostScript dead;
  dead.unreachable = true;
  host("one.test", "192.0.2.1", dead);
  start();
  const uint64_t id = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  net->set_host("192.0.2.1", {});
  wake();
  queue::Filter filter;
  filter.id = id;
  ASSERT_EQ(run(queue.retry_now(filter)).value(), 1u);
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received("192.0.2.1"), SizeIs(1));
}

TEST_F(Failing, AHostThatSendsUsAwayBounces) {
  HostScript hostile;
  hostile.greeting = "554 5.7.1 your network is not welcome";
  host("one.test", "192.0.2.1", hostile);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("not welcome"));
}

TEST_F(Failing, BouncesOfLargeLettersHoldTheHeaderOnly) {
  HostScript refusing;
  refusing.end_reply = "554 5.6.0 no";
  host("one.test", "192.0.2.1", refusing);
  std::string text = "Subject: big\r\nX-Field: kept\r\n\r\n";
  while (text.size() < 100'000) text += "body line\r\n";
  start();
  post({"x@one.test"}, "alice@example.test", text);
  ASSERT_TRUE(wait_empty());
  const auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(1));
  EXPECT_THAT(inbox[0], HasSubstr("text/rfc822-headers"));
  EXPECT_THAT(inbox[0], HasSubstr("X-Field: kept"));
  EXPECT_THAT(inbox[0], Not(HasSubstr("body line")));
}

TEST_F(Failing, ABounceToAnotherHostIsSentFromNobody) {
  HostScript refusing;
  refusing.rcpt_replies["x@one.test"] = "550 no";
  host("one.test", "192.0.2.1", refusing);
  host("far.test", "192.0.2.2");
  start();
  post({"x@one.test"}, "sender@far.test");
  ASSERT_TRUE(wait_received("192.0.2.2", 1));
  ASSERT_TRUE(wait_empty());
  const auto got = net->received("192.0.2.2");
  EXPECT_TRUE(got[0].from.starts_with("<>"));
  EXPECT_THAT(got[0].to, ElementsAre("sender@far.test"));
}

TEST_F(Failing, NeverABounceOfABounce) {
  HostScript refusing;
  refusing.rcpt_replies["x@one.test"] = "550 5.1.1 no";
  host("one.test", "192.0.2.1", refusing);
  start();
  post({"x@one.test"}, "");
  ASSERT_TRUE(wait_empty());
  // The postmaster is the admin.
  const auto inbox = mailbox(alice);
  ASSERT_THAT(inbox, SizeIs(1));
  EXPECT_THAT(inbox[0], HasSubstr("Return-Path: <>"));
  EXPECT_THAT(inbox[0], HasSubstr("Subject: Undeliverable bounce"));
  EXPECT_THAT(inbox[0], HasSubstr("Hi."));
}

TEST_F(Failing, ASenderThatIsGoneMeansThePostmaster) {
  HostScript refusing;
  refusing.rcpt_replies["x@one.test"] = "550 5.1.1 no";
  host("one.test", "192.0.2.1", refusing);
  start();
  post({"x@one.test"}, "nobody@example.test");
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("Undeliverable bounce"));
}

TEST_F(Failing, APostmasterElsewhereWhoCannotBeReachedMakesNoCircle) {
  alias("postmaster@example.test", {"boss@one.test"});
  HostScript refusing;
  refusing.rcpt_replies["x@one.test"] = "550 5.1.1 no";
  refusing.rcpt_replies["boss@one.test"] = "550 5.1.1 no";
  host("one.test", "192.0.2.1", refusing);
  start();
  post({"x@one.test"}, "");
  ASSERT_TRUE(wait([&] { return run(queue.totals())->set_aside == 1; }));
  EXPECT_THAT(queued(), SizeIs(0));
  const auto aside = run(queue.list_set_aside(10)).value();
  ASSERT_THAT(aside, SizeIs(1));
  EXPECT_THAT(aside[0].reason, HasSubstr("postmaster"));
}

TEST_F(Failing, ADamagedLetterBouncesAndTheOthersGoOn) {
  host("one.test", "192.0.2.1");
  const uint64_t bad = post({"x@one.test"});
  post({"y@one.test"});
  const auto letter = run(queue.find(bad)).value();
  const engine::Partition blob{engine::PartitionKind::blob, letter->blob};
  std::vector<std::string> keys;
  ASSERT_TRUE(engine.scan(blob, "", "", [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  }));
  for (const std::string& key : keys) ASSERT_TRUE(run(engine.put_ahead(blob, key, "damaged")));
  start();
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(net->received("192.0.2.1"), SizeIs(1));
  EXPECT_THAT(net->received("192.0.2.1")[0].to, ElementsAre("y@one.test"));
  ASSERT_THAT(mailbox(alice), SizeIs(1));
  EXPECT_THAT(mailbox(alice)[0], HasSubstr("Status: 5.3.0"));
}

}  // namespace
}  // namespace posthouse::transport
