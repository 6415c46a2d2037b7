#include "transport/routing.h"

#include "support/manual_executor.h"
#include "support/scripted_resolver.h"
#include "support/seeded_random.h"
#include "transport/limits.h"

namespace posthouse::transport {
namespace {

using ::testing::ElementsAre;

net::DnsAnswer<net::MxRecord> mx(std::vector<net::MxRecord> records,
                                 net::DnsStatus status = net::DnsStatus::ok) {
  net::DnsAnswer<net::MxRecord> out;
  out.status = status;
  out.records = std::move(records);
  return out;
}

std::vector<std::string> names(const std::vector<Candidate>& hosts) {
  std::vector<std::string> out;
  for (const Candidate& h : hosts) out.push_back(h.name);
  return out;
}

struct RoutingTest : ::testing::Test {
  RoutingTest() {
    us.own_name = "mx.us.test";
    us.own_addresses = {*IpAddress::parse("192.0.2.99")};
  }
  std::expected<Route, Answer> route(const std::string& domain) {
    return executor.run(find_route(resolver, random, us, domain));
  }
  std::vector<std::string> ips(const std::string& domain) {
    const auto found = route(domain);
    std::vector<std::string> out;
    if (!found) return {found.error().status};
    for (const Host& h : *found) out.push_back(h.at.ip.to_string());
    return out;
  }
  std::expected<std::vector<Candidate>, Answer> rank(net::DnsAnswer<net::MxRecord> answer) {
    return rank_hosts("d.test", answer, us, random);
  }

  test::ManualExecutor executor;
  test::ScriptedResolver resolver;
  test::SeededRandom random;
  Surroundings us;
};

TEST_F(RoutingTest, SortsByPreferenceAndShufflesEquals) {
  std::set<std::vector<std::string>> orders;
  for (int i = 0; i < 100; ++i) {
    const auto hosts = rank(mx({{20, "c"}, {10, "a"}, {10, "b"}, {30, "d"}}));
    ASSERT_TRUE(hosts);
    const auto order = names(*hosts);
    EXPECT_EQ(order[2], "c");
    EXPECT_EQ(order[3], "d");
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 2u);
}

TEST_F(RoutingTest, NoMxMeansTheDomainItself) {
  EXPECT_THAT(names(*rank(mx({}))), ElementsAre("d.test"));
}

TEST_F(RoutingTest, NullMx) {
  const auto hosts = rank(mx({{0, ""}}));
  ASSERT_FALSE(hosts);
  EXPECT_EQ(hosts.error().status, "5.1.10");
  EXPECT_TRUE(hosts.error().permanent());
  // Beside a real one it means nothing.
  EXPECT_THAT(names(*rank(mx({{0, ""}, {5, "a"}}))), ElementsAre("a"));
}

TEST_F(RoutingTest, NoDomainAndNoAnswer) {
  EXPECT_EQ(rank(mx({}, net::DnsStatus::nxdomain)).error().status, "5.1.2");
  const auto unknown = rank(mx({}, net::DnsStatus::servfail));
  EXPECT_EQ(unknown.error().status, "4.4.3");
  EXPECT_TRUE(unknown.error().temporary());
}

TEST_F(RoutingTest, DropsOurselvesAndWhatIsBehind) {
  EXPECT_THAT(names(*rank(mx({{10, "a"}, {20, "MX.us.test"}, {20, "b"}, {30, "c"}}))), ElementsAre("a"));
  const auto only_us = rank(mx({{10, "mx.us.test"}, {30, "c"}}));
  ASSERT_FALSE(only_us);
  EXPECT_EQ(only_us.error().status, "5.4.6");
}

TEST_F(RoutingTest, TooManyHostsAreCut) {
  std::vector<net::MxRecord> many;
  for (uint16_t i = 0; i < 100; ++i) many.push_back({i, "h" + std::to_string(i)});
  const auto hosts = rank(mx(many));
  ASSERT_EQ(hosts->size(), kMaxMxHosts);
  EXPECT_EQ(hosts->front().name, "h0");
}

TEST_F(RoutingTest, BothFamiliesHaveAPlace) {
  std::vector<IpAddress> addresses;
  for (int i = 1; i < 8; ++i) addresses.push_back(*IpAddress::parse("2001:db8::" + std::to_string(i)));
  addresses.push_back(*IpAddress::parse("192.0.2.1"));
  const auto chosen = choose_addresses(addresses);
  ASSERT_EQ(chosen.size(), kMaxAddressesPerHost);
  EXPECT_TRUE(chosen.front().v6);
  EXPECT_FALSE(chosen.back().v6);
  addresses.pop_back();
  EXPECT_EQ(choose_addresses(addresses).size(), kMaxAddressesPerHost);
  EXPECT_TRUE(choose_addresses({}).empty());
}

TEST_F(RoutingTest, AddressLiterals) {
  EXPECT_EQ(parse_address_literal("[192.0.2.1]")->to_string(), "192.0.2.1");
  EXPECT_EQ(parse_address_literal("[ipv6:2001:db8::1]")->to_string(), "2001:db8::1");
  EXPECT_FALSE(parse_address_literal("[2001:db8::1]"));
  EXPECT_FALSE(parse_address_literal("[IPv6:192.0.2.1]"));
  EXPECT_FALSE(parse_address_literal("[]"));
  EXPECT_FALSE(parse_address_literal("192.0.2.1"));
  EXPECT_THAT(ips("[192.0.2.1]"), ElementsAre("192.0.2.1"));
  EXPECT_THAT(ips("[127.0.0.1]"), ElementsAre("5.4.6"));
  EXPECT_THAT(ips("[192.0.2.99]"), ElementsAre("5.4.6"));
  EXPECT_THAT(ips("[224.0.0.1]"), ElementsAre("5.1.2"));
  EXPECT_THAT(ips("[nonsense]"), ElementsAre("5.1.2"));
}

TEST_F(RoutingTest, FindsAddressesInOrder) {
  resolver.add_mx("d.test", 20, "second.d.test");
  resolver.add_mx("d.test", 10, "first.d.test");
  resolver.add_address("first.d.test", "2001:db8::1");
  resolver.add_address("first.d.test", "192.0.2.1");
  resolver.add_address("second.d.test", "192.0.2.2");
  EXPECT_THAT(ips("d.test"), ElementsAre("2001:db8::1", "192.0.2.1", "192.0.2.2"));
  us.port = 2525;
  EXPECT_EQ(route("d.test")->front().at.port, 2525);
  EXPECT_EQ(route("d.test")->front().name, "first.d.test");
}

TEST_F(RoutingTest, ImplicitMx) {
  resolver.add_address("plain.test", "192.0.2.7");
  EXPECT_THAT(ips("plain.test"), ElementsAre("192.0.2.7"));
  EXPECT_THAT(ips("missing.test"), ElementsAre("5.1.2"));
  resolver.add_txt("empty.test", "no addresses");
  EXPECT_THAT(ips("empty.test"), ElementsAre("5.1.2"));
}

// RFC 5321 section 5.1: with MX records, the domain's own addresses are out of the game.
TEST_F(RoutingTest, AnMxWithoutAddressIsNoReasonForTheDomainsOwn) {
  resolver.add_mx("d.test", 10, "gone.d.test");
  resolver.add_address("d.test", "192.0.2.8");
  EXPECT_THAT(ips("d.test"), ElementsAre("5.4.4"));
  resolver.set_status("gone.d.test", net::DnsStatus::servfail);
  EXPECT_THAT(ips("d.test"), ElementsAre("4.4.3"));
}

TEST_F(RoutingTest, AnAddressOfOursEndsTheList) {
  resolver.add_mx("d.test", 10, "good.d.test");
  resolver.add_mx("d.test", 20, "back.d.test");
  resolver.add_mx("d.test", 30, "behind.d.test");
  resolver.add_address("good.d.test", "192.0.2.1");
  resolver.add_address("back.d.test", "192.0.2.99");
  resolver.add_address("behind.d.test", "192.0.2.3");
  EXPECT_THAT(ips("d.test"), ElementsAre("192.0.2.1"));
  resolver.add_mx("loop.test", 10, "local.loop.test");
  resolver.add_address("local.loop.test", "127.0.0.1");
  EXPECT_THAT(ips("loop.test"), ElementsAre("5.4.6"));
  us.allow_own = true;
  EXPECT_THAT(ips("loop.test"), ElementsAre("127.0.0.1"));
}

// Equals of our own are dropped as well, whichever the shuffle put first.
TEST_F(RoutingTest, EqualsOfOurselvesAreDropped) {
  resolver.add_mx("d.test", 10, "other.d.test");
  resolver.add_mx("d.test", 10, "back.d.test");
  resolver.add_address("other.d.test", "192.0.2.1");
  resolver.add_address("back.d.test", "192.0.2.99");
  for (int i = 0; i < 20; ++i) EXPECT_THAT(ips("d.test"), ElementsAre("5.4.6"));
}

TEST_F(RoutingTest, Smarthost) {
  resolver.add_address("relay.test", "127.0.0.1");
  const auto named = executor.run(find_smarthost(resolver, "relay.test", 587));
  ASSERT_TRUE(named);
  EXPECT_EQ(named->front().at.to_string(), "127.0.0.1:587");
  EXPECT_EQ(executor.run(find_smarthost(resolver, "[192.0.2.5]", 25))->front().at.to_string(),
            "192.0.2.5:25");
  EXPECT_TRUE(executor.run(find_smarthost(resolver, "gone.test", 25)).error().temporary());
}

}  // namespace
}  // namespace posthouse::transport
