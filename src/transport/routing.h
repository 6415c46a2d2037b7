// From a recipient's domain to the hosts to try, in order (RFC 5321 section 5). What needs no question is
// pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/random.h"
#include "base/task.h"
#include "net/resolver.h"
#include "transport/answer.h"

namespace posthouse::transport {

// One address to connect to.
struct Host {
  std::string name;  // the MX host's name, or the address as text
  uint16_t preference = 0;
  Endpoint at;
};
using Route = std::vector<Host>;  // best first, never empty

struct Candidate {
  std::string name;
  uint16_t preference = 0;
};

// What routing knows of ourselves and of the way.
struct Surroundings {
  std::string own_name;  // lower case
  std::vector<IpAddress> own_addresses;
  bool allow_own = false;  // loopback and own addresses are fine (tests, the demo)
  uint16_t port = 25;
};

// "[192.0.2.1]", "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3).
std::optional<IpAddress> parse_address_literal(std::string_view domain);

// Loopback, unspecified, or one of our own.
bool is_own(const Surroundings& surroundings, const IpAddress& address);
// Nothing that a connection could be made to: multicast, broadcast and reserved ranges.
bool is_unusable(const IpAddress& address);

// The MX hosts to ask for addresses: sorted, shuffled among equals (MUST), everything from ourselves on
// dropped, at most kMaxMxHosts. The domain itself when there is no MX. Or why there is none: 5.1.10 null MX
// (RFC 7505), 5.1.2 no such domain, 4.4.3 no answer, 5.4.6 the best one is us.
std::expected<std::vector<Candidate>, Answer> rank_hosts(const std::string& domain,
                                                         const net::DnsAnswer<net::MxRecord>& answer,
                                                         const Surroundings& surroundings, Random& random);

// The addresses of a host that may be tried, in the resolver's order, both families if it has both.
std::vector<IpAddress> choose_addresses(const std::vector<IpAddress>& addresses);

// Asks what needs asking. `domain`: lower-case A-labels or an address literal.
Task<std::expected<Route, Answer>> find_route(net::Resolver& resolver, Random& random,
                                              Surroundings surroundings, std::string domain);
// The fixed way: a host name or address, without MX and without the check for ourselves.
Task<std::expected<Route, Answer>> find_smarthost(net::Resolver& resolver, std::string host, uint16_t port);

}  // namespace posthouse::transport
