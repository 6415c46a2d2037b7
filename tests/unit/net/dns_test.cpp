// Reading record data, and the resolver against a small name server on the loopback interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/dns_rdata.h"
#include "net/run_blocking.h"
#include "net/unbound_resolver.h"
#include "unit/net/name_server.h"
#include "unit/net/net_fixture.h"

namespace posthouse::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST(DnsRdata, ReadsNames) {
  EXPECT_EQ(read_name(wire_name("Mail.Example.ORG")), "mail.example.org");
  EXPECT_EQ(read_name(std::string(1, '\0')), "");
  const std::string label63(63, 'a');
  EXPECT_EQ(read_name(wire_name(label63 + ".b")), label63 + ".b");
}

TEST(DnsRdata, RefusesMalformedNames) {
  const std::string good = wire_name("mail.example");
  for (size_t cut = 0; cut < good.size(); ++cut)
    EXPECT_FALSE(read_name(good.substr(0, cut)).has_value()) << cut;
  EXPECT_FALSE(read_name(good + "x").has_value());
  EXPECT_FALSE(read_name(std::string("\xc0\x0c", 2)).has_value());  // a pointer
  EXPECT_FALSE(read_name(std::string("\x03"
                                     "a.b\0",
                                     5))
                   .has_value());  // a dot inside a label
  EXPECT_FALSE(read_name(std::string("\x03"
                                     "a\nb\0",
                                     5))
                   .has_value());
  EXPECT_FALSE(read_name(std::string("\x03"
                                     "a\0b\0",
                                     5))
                   .has_value());
  std::string endless;
  while (endless.size() < 256) endless += "\x01x";
  EXPECT_FALSE(read_name(endless + '\0').has_value());
}

TEST(DnsRdata, ReadsTheOthersWithLengthChecks) {
  const auto mx = read_mx(be16(10) + wire_name("mx.example"));
  ASSERT_TRUE(mx.has_value());
  EXPECT_EQ(mx->preference, 10);
  EXPECT_EQ(mx->host, "mx.example");
  EXPECT_EQ(read_mx(std::string("\0\0\0", 3))->host, "");  // null MX
  EXPECT_FALSE(read_mx("").has_value());
  EXPECT_FALSE(read_mx(std::string("\0\x0a", 2)).has_value());
  EXPECT_FALSE(read_mx(std::string("\0\x0a\x05mx", 5)).has_value());
  EXPECT_EQ(read_txt(std::string("\x02"
                                 "ab\0\x01"
                                 "c",
                                 6)),
            "abc");
  EXPECT_FALSE(read_txt("").has_value());
  EXPECT_FALSE(read_txt("\x05"
                        "ab")
                   .has_value());
  EXPECT_EQ(read_address(std::string("\xc0\0\x02\x01", 4))->to_string(), "192.0.2.1");
  EXPECT_FALSE(read_address("123").has_value());
  EXPECT_FALSE(read_address("").has_value());
}

class ResolverTest : public testing::Test {
 protected:
  void start(seconds timeout = seconds(2)) {
    server_.start();
    UnboundOptions options;
    options.servers = {server_.address()};
    options.timeout = timeout;
    auto made = make_unbound_resolver(options);
    ASSERT_TRUE(made.has_value()) << made.error().what;
    resolver_ = std::move(*made);
  }

  NameServer server_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, FindsEveryKind) {
  server_.add("example.test", kMx, be16(20) + wire_name("Backup.example.test"));
  server_.add("example.test", kMx, be16(10) + wire_name("mx.example.test"));
  server_.add("mx.example.test", kA, std::string("\xc0\0\x02\x01", 4));
  server_.add("mx.example.test", kAaaa, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16));
  server_.add("example.test", kTxt, "\x06v=spf1\x05 -all");
  server_.add("1.2.0.192.in-addr.arpa", kPtr, wire_name("MX.example.test"));
  server_.add("alias.test", kCname, wire_name("mx.example.test"));
  server_.add("null.test", kMx, std::string("\0\0\0", 3));
  start();

  const auto mx = run_blocking(resolver_->mx("Example.TEST."));
  EXPECT_EQ(mx.status, DnsStatus::ok);
  EXPECT_FALSE(mx.secure);
  ASSERT_THAT(mx.records, SizeIs(2));
  std::map<int, std::string> by_preference;
  for (const MxRecord& record : mx.records) by_preference[record.preference] = record.host;
  EXPECT_EQ(by_preference[10], "mx.example.test");
  EXPECT_EQ(by_preference[20], "backup.example.test");

  EXPECT_THAT(run_blocking(resolver_->txt("example.test")).records, ElementsAre("v=spf1 -all"));
  EXPECT_THAT(run_blocking(resolver_->ptr(*IpAddress::parse("192.0.2.1"))).records,
              ElementsAre("mx.example.test"));
  EXPECT_THAT(run_blocking(resolver_->mx("null.test")).records, SizeIs(1));

  const auto both = run_blocking(resolver_->addresses("mx.example.test"));
  const auto alias = run_blocking(resolver_->addresses("alias.test"));
  EXPECT_EQ(both.status, DnsStatus::ok);
  ASSERT_THAT(both.records, SizeIs(2));
  EXPECT_TRUE(both.records[0].v6);
  EXPECT_EQ(both.records[1].to_string(), "192.0.2.1");
  EXPECT_EQ(alias.records, both.records);
}

TEST_F(ResolverTest, TellsMissingFromFailed) {
  server_.add("v4only.test", kA, std::string("\xc0\0\x02\x07", 4));
  server_.fail("broken.test", 2);
  start();
  EXPECT_EQ(run_blocking(resolver_->mx("nowhere.test")).status, DnsStatus::nxdomain);
  EXPECT_EQ(run_blocking(resolver_->addresses("nowhere.test")).status, DnsStatus::nxdomain);
  EXPECT_EQ(run_blocking(resolver_->mx("broken.test")).status, DnsStatus::servfail);
  const auto none = run_blocking(resolver_->mx("v4only.test"));
  EXPECT_EQ(none.status, DnsStatus::ok);
  EXPECT_THAT(none.records, IsEmpty());
  EXPECT_THAT(run_blocking(resolver_->addresses("v4only.test")).records, SizeIs(1));
  EXPECT_EQ(run_blocking(resolver_->mx("no..such")).status, DnsStatus::nxdomain);
  EXPECT_EQ(run_blocking(resolver_->mx(std::string(300, 'x'))).status, DnsStatus::nxdomain);
}

TEST_F(ResolverTest, LeavesOutWhatIsMalformedAndWhatIsTooMuch) {
  server_.add("odd.test", kTxt, "\x04good");
  server_.add("odd.test", kTxt, "\x09short");
  for (int i = 0; i < 150; ++i)
    server_.add("many.test", kA, std::string("\x0a\0\0", 3) + static_cast<char>(i));
  start();
  const auto odd = run_blocking(resolver_->txt("odd.test"));
  EXPECT_LE(odd.records.size(), 1u);  // the bad one never, the good one if the library lets it through
  EXPECT_LE(run_blocking(resolver_->addresses("many.test")).records.size(), 100u);
}

TEST_F(ResolverTest, GivesUpInTime) {
  start();
  const SteadyTime begin = system_clock().steady();
  EXPECT_EQ(run_blocking(resolver_->mx("is.silent")).status, DnsStatus::servfail);
  EXPECT_LT(system_clock().steady() - begin, seconds(10));
}

Task<DnsStatus> ask_and_give_up(Resolver& resolver) {
  this_loop().post([&resolver] { resolver.give_up(); });  // runs once the question waits
  const auto first = co_await resolver.mx("is.silent");
  const auto later = co_await resolver.mx("a.test");
  EXPECT_EQ(later.status, DnsStatus::servfail);
  co_return first.status;
}

TEST_F(ResolverTest, GivesUpWhenToldTo) {
  server_.add("a.test", kMx, be16(1) + wire_name("mx.test"));
  start(seconds(300));
  EXPECT_EQ(run_blocking(ask_and_give_up(*resolver_)), DnsStatus::servfail);
}

Task<void> ask_many(Resolver& resolver, int& left, Executor*& home) {
  const auto found = co_await resolver.addresses("a.test");
  EXPECT_THAT(found.records, SizeIs(1));
  EXPECT_EQ(Executor::current(), home);
  if (--left == 0) this_loop().stop();
}

TEST_F(ResolverTest, AnswersManyOnTheirOwnLoops) {
  server_.add("a.test", kA, std::string("\xc0\0\x02\x09", 4));
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([this] {
      Loop loop;
      Executor* home = &loop;
      int left = 100;
      loop.post([&] {
        for (int i = 0; i < 100; ++i) spawn(ask_many(*resolver_, left, home));
      });
      loop.run();
      EXPECT_EQ(left, 0);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST(Resolver, RefusesSettingsThatCannotWork) {
  UnboundOptions options;
  options.servers = {"not an address"};
  EXPECT_FALSE(make_unbound_resolver(options).has_value());
}

}  // namespace
}  // namespace posthouse::net
