// A smarthost that does not want us as we are: the letters wait, and the password stays secret.
#include "support/log_file.h"
#include "unit/transport/house.h"

namespace posthouse::transport::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Tls = Smarthost::Tls;

constexpr const char* kFar = "192.0.2.50";
constexpr const char* kHere = "127.0.0.1";

class SmarthostTest : public TransportTest {
 protected:
  static HostScript good() {
    HostScript relay;
    relay.starttls = true;
    relay.offers.push_back("AUTH PLAIN");
    return relay;
  }
  void use(const HostScript& relay, const std::string& ip = kFar, Tls wanted = Tls::starttls) {
    resolver.add_address("relay.test", ip);
    net->set_host(ip, relay);
    options.smarthost = Smarthost{"relay.test", 587, "user", Secret("pass"), wanted};
  }
  // The letter waits with that reason, and nobody was told of it.
  void expect_waiting(uint64_t id, const std::string& status, const std::string& reason) {
    const auto r = recipient(id, "x@one.test");
    ASSERT_TRUE(r);
    EXPECT_EQ(r->state, queue::RecipientState::waiting);
    EXPECT_EQ(r->last_status, status);
    EXPECT_THAT(r->last_reply, HasSubstr(reason));
    EXPECT_EQ(r->last_host, "relay.test");
    EXPECT_THAT(mailbox(alice), IsEmpty());
  }
};

TEST_F(SmarthostTest, AWrongPasswordIsNotTheLettersFault) {
  const test::LogFile log;
  HostScript relay = good();
  relay.auth_reply = "535 5.7.8 bad credentials";
  use(relay);
  start();
  const uint64_t one = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(one, "x@one.test", 1));
  const uint64_t two = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(two, "x@one.test", 1));
  expect_waiting(one, "4.7.8", "535 5.7.8 bad credentials");
  expect_waiting(two, "4.7.8", "535 5.7.8 bad credentials");
  pass(std::chrono::hours(1));
  ASSERT_TRUE(wait_attempts(two, "x@one.test", 2));
  EXPECT_EQ(log.count("transport.smarthost_refuses_us"), 1u);
  EXPECT_EQ(log.count("letter.bounced"), 0u);

  net->set_host(kFar, good());
  pass(std::chrono::hours(1));
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(net->received(kFar), SizeIs(2));
  EXPECT_THAT(mailbox(alice), IsEmpty());

  net->set_host(kFar, relay);  // and again: that is news
  pass(std::chrono::minutes(5));
  const uint64_t three = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(three, "x@one.test", 1));
  EXPECT_EQ(log.count("transport.smarthost_refuses_us"), 2u);
}

TEST_F(SmarthostTest, NoRefusalBeforeALetterBounces) {
  struct Case {
    std::function<void(HostScript&)> spoil;
    std::string status, reason;
  };
  const std::vector<Case> cases = {
      {[](HostScript& h) { h.greeting = "554 5.7.1 not you"; }, "4.7.1", "554 5.7.1 not you"},
      {[](HostScript& h) { h.ehlo_reply = "550 5.7.1 bad name"; }, "4.7.1", "550 5.7.1 bad name"},
      {[](HostScript& h) { h.starttls_reply = "554 5.7.0 no TLS"; }, "4.7.0", "554 5.7.0 no TLS"},
      {[](HostScript& h) { h.tls_broken = true; }, "4.7.5", "TLS handshake failed"},
      {[](HostScript& h) { h.starttls = false; }, "4.7.4", "TLS is required but not offered"},
      {[](HostScript& h) { h.offers.pop_back(); }, "4.7.4", "no common authentication mechanism"},
      {[](HostScript& h) { h.auth_reply = "534 5.7.9 too weak"; }, "4.7.9", "534 5.7.9 too weak"},
      {[](HostScript& h) { h.mail_reply = "530 5.7.0 log in first"; }, "4.7.0", "530 5.7.0 log in first"},
  };
  use(good());
  options.warn_after = seconds(0);
  start();
  for (const Case& c : cases) {
    SCOPED_TRACE(c.reason);
    const test::LogFile log;
    HostScript relay = good();
    c.spoil(relay);
    net->set_host(kFar, relay);
    pass(std::chrono::hours(2));
    const uint64_t id = post({"x@one.test"});
    ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
    expect_waiting(id, c.status, c.reason);
    EXPECT_EQ(log.count("transport.smarthost_refuses_us"), 1u);
  }
}

TEST_F(SmarthostTest, WhatItSaysOfALetterIsFinal) {
  HostScript relay = good();
  relay.rcpt_replies["x@one.test"] = "550 5.1.1 nobody";
  use(relay);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  EXPECT_THAT(mailbox(alice), SizeIs(1));
}

// Who takes STARTTLS out of the reply to EHLO must not get the password for it.
TEST_F(SmarthostTest, ThePasswordNeverGoesInClearByItself) {
  HostScript relay = good();
  relay.starttls = false;
  use(relay, kHere);
  start();
  const uint64_t id = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  expect_waiting(id, "4.7.4", "TLS is required but not offered");
  EXPECT_EQ(net->logins(kHere), 0u);
}

TEST_F(SmarthostTest, InClearWhereThatWasAskedFor) {
  use(good(), kHere, Tls::none);
  start();
  post({"x@one.test"});
  ASSERT_TRUE(wait_empty());
  ASSERT_THAT(net->received(kHere), SizeIs(1));
  EXPECT_FALSE(net->received(kHere)[0].tls);
  EXPECT_EQ(net->logins(kHere), 1u);
}

TEST_F(SmarthostTest, InClearThePasswordGoesNowhereElse) {
  use(good(), kFar, Tls::none);
  start();
  const uint64_t id = post({"x@one.test"});
  ASSERT_TRUE(wait_attempts(id, "x@one.test", 1));
  expect_waiting(id, "4.7.11", "the password is not sent without TLS");
  EXPECT_EQ(net->logins(kFar), 0u);
}

}  // namespace
}  // namespace posthouse::transport::testing
