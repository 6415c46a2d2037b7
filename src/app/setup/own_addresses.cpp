#include "app/setup/own_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

namespace posthouse::app {
namespace {

struct Block {
  const char* network;
  unsigned bits;
};

// Beside what IpAddress knows (RFC 6890, RFC 3849, RFC 9637).
constexpr Block kNotPublic[] = {{"0.0.0.0", 8},     {"192.0.0.0", 24},    {"192.0.2.0", 24},
                                {"198.18.0.0", 15}, {"198.51.100.0", 24}, {"203.0.113.0", 24},
                                {"224.0.0.0", 3},   {"2001:db8::", 32},   {"3fff::", 20},
                                {"2001::", 32},     {"2002::", 16}};

bool inside(const IpAddress& ip, const Block& block) {
  auto network = IpAddress::parse(block.network);
  if (!network || network->v6 != ip.v6) return false;
  for (unsigned bit = 0; bit < block.bits; ++bit) {
    unsigned mask = 0x80u >> (bit % 8);
    if ((ip.bytes[bit / 8] & mask) != (network->bytes[bit / 8] & mask)) return false;
  }
  return true;
}

std::optional<IpAddress> address_of(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  if (address->sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (bytes == nullptr || inet_ntop(address->sa_family, bytes, text, sizeof text) == nullptr)
    return std::nullopt;
  return IpAddress::parse(text);
}

// Temporary and deprecated addresses. Lines of /proc/net/if_inet6: "address index prefix scope flags name" in
// hex.
std::vector<IpAddress> passing_addresses() {
  constexpr unsigned kTemporary = 0x01, kDeprecated = 0x20;  // IFA_F_* of linux/if_addr.h
  std::vector<IpAddress> out;
  std::ifstream file("/proc/net/if_inet6");
  std::string digits, index, prefix, scope, flags, name;
  while (file >> digits >> index >> prefix >> scope >> flags >> name) {
    if ((std::strtoul(flags.c_str(), nullptr, 16) & (kTemporary | kDeprecated)) == 0 || digits.size() != 32)
      continue;
    IpAddress ip;
    ip.v6 = true;
    for (size_t i = 0; i < 16; ++i) {
      ip.bytes[i] = static_cast<unsigned char>(std::strtoul(digits.substr(2 * i, 2).c_str(), nullptr, 16));
    }
    out.push_back(ip);
  }
  return out;
}

}  // namespace

bool is_public(const IpAddress& ip) {
  if (ip.is_any() || ip.is_loopback() || ip.is_private()) return false;
  if (ip.v6 && (ip.bytes[0] & 0xe0) != 0x20) return false;  // 2000::/3 is all that is global unicast
  return std::none_of(std::begin(kNotPublic), std::end(kNotPublic),
                      [&](const Block& block) { return inside(ip, block); });
}

std::vector<IpAddress> own_public_addresses() {
  std::vector<IpAddress> out;
  std::vector<IpAddress> passing = passing_addresses();
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return out;
  for (const ifaddrs* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    auto ip = address_of(at->ifa_addr);
    bool wanted = ip && is_public(*ip) && std::find(passing.begin(), passing.end(), *ip) == passing.end();
    if (wanted && std::find(out.begin(), out.end(), *ip) == out.end()) out.push_back(*ip);
  }
  freeifaddrs(all);
  return out;
}

}  // namespace posthouse::app
