#include "transport/routing.h"

#include "base/ascii.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

constexpr uint16_t kLiteralPreference = 0;

Answer no_dns_answer(const std::string& name) {
  return own_answer(451, "4.4.3", "the name servers gave no answer for " + name);
}

Answer no_such_domain(const std::string& domain) {
  return own_answer(550, "5.1.2", "the domain " + domain + " does not exist");
}

Answer leads_back(const std::string& domain) {
  return own_answer(554, "5.4.6", "mail for " + domain + " would come back to this host");
}

// RFC 5321 section 5.1: "the sender-SMTP MUST randomize them" (those of equal preference).
void shuffle_equals(std::vector<Candidate>& hosts, Random& random) {
  for (size_t begin = 0; begin < hosts.size();) {
    size_t end = begin;
    while (end < hosts.size() && hosts[end].preference == hosts[begin].preference) ++end;
    for (size_t i = end - begin; i > 1; --i) std::swap(hosts[begin + i - 1], hosts[begin + random.below(i)]);
    begin = end;
  }
}

// "all records at that preference level and higher-numbered ones MUST be discarded" (RFC 5321 section 5.1).
template <class T>
void drop_from(std::vector<T>& hosts, uint16_t preference) {
  std::erase_if(hosts, [preference](const T& h) { return h.preference >= preference; });
}

void add_host(Route& route, const Candidate& candidate, const std::vector<IpAddress>& addresses,
              uint16_t port) {
  for (const IpAddress& ip : addresses) {
    if (route.size() < kMaxAddresses) route.push_back({candidate.name, candidate.preference, {ip, port}});
  }
}

// Once the addresses are known: why there is none to try.
Answer no_address(const std::string& domain, bool implicit, bool uncertain, bool own) {
  if (own) return leads_back(domain);
  if (uncertain) return no_dns_answer(domain + "'s mail hosts");
  if (implicit) return own_answer(550, "5.1.2", "the domain " + domain + " has no mail host and no address");
  return own_answer(550, "5.4.4", "none of the mail hosts of " + domain + " has a usable address");
}

}  // namespace

std::optional<IpAddress> parse_address_literal(std::string_view domain) {
  if (domain.size() < 3 || domain.front() != '[' || domain.back() != ']') return std::nullopt;
  domain = domain.substr(1, domain.size() - 2);
  const bool tagged = istarts_with(domain, "ipv6:");
  if (tagged) domain.remove_prefix(5);
  const auto ip = IpAddress::parse(domain);
  const bool has_colon = domain.find(':') != std::string_view::npos;
  if (!ip || has_colon != tagged) return std::nullopt;
  return ip;
}

bool is_own(const Surroundings& surroundings, const IpAddress& address) {
  if (surroundings.allow_own) return false;
  if (address.is_loopback() || address.is_any()) return true;
  const auto& own = surroundings.own_addresses;
  return std::find(own.begin(), own.end(), address) != own.end();
}

bool is_unusable(const IpAddress& address) {
  if (address.v6) return address.bytes[0] == 0xFF;
  return address.bytes[0] >= 224 || (address.bytes[0] == 0 && !address.is_any());
}

std::expected<std::vector<Candidate>, Answer> rank_hosts(const std::string& domain,
                                                         const net::DnsAnswer<net::MxRecord>& answer,
                                                         const Surroundings& surroundings, Random& random) {
  if (answer.status == net::DnsStatus::nxdomain) return std::unexpected(no_such_domain(domain));
  if (answer.status == net::DnsStatus::servfail) return std::unexpected(no_dns_answer(domain));
  std::vector<Candidate> hosts;
  // No MX: the implicit one, with preference 0.
  if (answer.records.empty()) hosts.push_back({domain, 0});
  bool null_mx = false;
  for (const net::MxRecord& mx : answer.records) {
    if (mx.host.empty() || mx.host == ".") {
      null_mx = true;  // beside others it has no meaning (RFC 7505 section 3)
    } else {
      hosts.push_back({to_lower(mx.host), mx.preference});
    }
  }
  if (hosts.empty() && null_mx)
    return std::unexpected(own_answer(556, "5.1.10", "the domain " + domain + " accepts no mail (null MX)"));
  std::sort(hosts.begin(), hosts.end(),
            [](const Candidate& a, const Candidate& b) { return a.preference < b.preference; });
  if (!surroundings.allow_own && !answer.records.empty()) {
    const auto self = std::find_if(hosts.begin(), hosts.end(), [&](const Candidate& h) {
      return iequals(h.name, surroundings.own_name);
    });
    if (self != hosts.end()) drop_from(hosts, self->preference);
    if (hosts.empty()) return std::unexpected(leads_back(domain));
  }
  shuffle_equals(hosts, random);
  if (hosts.size() > kMaxMxHosts) hosts.resize(kMaxMxHosts);
  return hosts;
}

std::vector<IpAddress> choose_addresses(const std::vector<IpAddress>& addresses) {
  const auto v6 = static_cast<size_t>(
      std::count_if(addresses.begin(), addresses.end(), [](const IpAddress& a) { return a.v6; }));
  const size_t v4 = addresses.size() - v6;
  // Where a host has both, neither family crowds the other out: we may be able to reach only one.
  const size_t half = kMaxAddressesPerHost / 2;
  const size_t most_v6 =
      v4 == 0 ? kMaxAddressesPerHost : std::max(half, kMaxAddressesPerHost - std::min(v4, half));
  const size_t most_v4 =
      v6 == 0 ? kMaxAddressesPerHost : std::max(half, kMaxAddressesPerHost - std::min(v6, half));
  std::vector<IpAddress> out;
  size_t taken_v6 = 0;
  size_t taken_v4 = 0;
  for (const IpAddress& a : addresses) {
    size_t& taken = a.v6 ? taken_v6 : taken_v4;
    if (taken >= (a.v6 ? most_v6 : most_v4)) continue;
    ++taken;
    out.push_back(a);
  }
  return out;
}

Task<std::expected<Route, Answer>> find_route(net::Resolver& resolver, Random& random,
                                              Surroundings surroundings, std::string domain) {
  Route route;
  if (domain.starts_with('[')) {
    const auto ip = parse_address_literal(domain);
    if (!ip || is_unusable(*ip))
      co_return std::unexpected(own_answer(550, "5.1.2", "the address literal " + domain + " can't be used"));
    if (is_own(surroundings, *ip)) co_return std::unexpected(leads_back(domain));
    route.push_back({ip->to_string(), kLiteralPreference, {*ip, surroundings.port}});
    co_return route;
  }
  const net::DnsAnswer<net::MxRecord> mx = co_await resolver.mx(domain);
  const auto ranked = rank_hosts(domain, mx, surroundings, random);
  if (!ranked) co_return std::unexpected(ranked.error());
  bool uncertain = false;
  bool own = false;
  for (const Candidate& candidate : *ranked) {
    net::DnsAnswer<IpAddress> found = co_await resolver.addresses(candidate.name);
    if (found.status == net::DnsStatus::servfail) uncertain = true;
    if (found.status != net::DnsStatus::ok) continue;
    if (std::any_of(found.records.begin(), found.records.end(),
                    [&](const IpAddress& a) { return is_own(surroundings, a); })) {
      own = true;
      drop_from(route, candidate.preference);
      break;
    }
    std::erase_if(found.records, is_unusable);
    add_host(route, candidate, choose_addresses(found.records), surroundings.port);
    if (route.size() >= kMaxAddresses) break;
  }
  if (route.empty()) co_return std::unexpected(no_address(domain, mx.records.empty(), uncertain, own));
  co_return route;
}

Task<std::expected<Route, Answer>> find_smarthost(net::Resolver& resolver, std::string host, uint16_t port) {
  Route route;
  std::string name = host;
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  if (const auto ip = IpAddress::parse(name)) {
    route.push_back({name, 0, {*ip, port}});
    co_return route;
  }
  const net::DnsAnswer<IpAddress> found = co_await resolver.addresses(to_lower(name));
  const Candidate candidate{host, 0};
  if (found.status == net::DnsStatus::ok) add_host(route, candidate, choose_addresses(found.records), port);
  // The operator's own setting may be mended any time: never bounce for it.
  if (route.empty())
    co_return std::unexpected(own_answer(451, "4.4.4", "the smarthost " + host + " has no address"));
  co_return route;
}

}  // namespace posthouse::transport
