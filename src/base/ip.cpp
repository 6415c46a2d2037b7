#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace posthouse {

namespace {
constexpr std::array<unsigned char, 12> kV4Mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string name(text);
  IpAddress address;
  if (inet_pton(AF_INET, name.c_str(), address.bytes.data()) == 1) return address;
  if (inet_pton(AF_INET6, name.c_str(), address.bytes.data()) != 1) return std::nullopt;
  if (std::equal(kV4Mapped.begin(), kV4Mapped.end(), address.bytes.begin())) {
    IpAddress v4;
    std::copy_n(address.bytes.begin() + kV4Mapped.size(), 4, v4.bytes.begin());
    return v4;
  }
  address.v6 = true;
  return address;
}

IpAddress IpAddress::from_v4(uint32_t host_order) {
  IpAddress address;
  const uint32_t network_order = htonl(host_order);
  std::memcpy(address.bytes.data(), &network_order, sizeof network_order);
  return address;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), text, sizeof text);
}

bool IpAddress::is_loopback() const {
  if (!v6) return bytes[0] == 127;
  return bytes[15] == 1 &&
         std::all_of(bytes.begin(), bytes.end() - 1, [](unsigned char b) { return b == 0; });
}

bool IpAddress::is_any() const {
  return std::all_of(bytes.begin(), bytes.end(), [](unsigned char b) { return b == 0; });
}

bool IpAddress::is_private() const {
  if (v6) {
    return (bytes[0] & 0xfe) == 0xfc ||                      // fc00::/7, RFC 4193
           (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);  // fe80::/10
  }
  return bytes[0] == 10 || (bytes[0] == 172 && (bytes[1] & 0xf0) == 16) ||
         (bytes[0] == 192 && bytes[1] == 168) ||
         (bytes[0] == 100 && (bytes[1] & 0xc0) == 64) ||  // 100.64.0.0/10, RFC 6598
         (bytes[0] == 169 && bytes[1] == 254);
}

IpAddress IpAddress::network() const {
  IpAddress net = *this;
  std::fill(net.bytes.begin() + (v6 ? 8 : 3), net.bytes.end(), static_cast<unsigned char>(0));
  return net;
}

std::string Endpoint::to_string() const {
  const std::string number = std::to_string(port);
  return ip.v6 ? "[" + ip.to_string() + "]:" + number : ip.to_string() + ":" + number;
}

}  // namespace posthouse
