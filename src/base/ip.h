// An IP address as a value, v4 or v6; v4-mapped v6 addresses become v4.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse {

struct IpAddress {
  std::array<unsigned char, 16> bytes{};  // v4: the first four, the others 0
  bool v6 = false;

  static std::optional<IpAddress> parse(std::string_view text);
  static IpAddress from_v4(uint32_t host_order);
  std::string to_string() const;
  bool is_loopback() const;
  bool is_any() const;
  bool is_private() const;    // RFC 1918, RFC 6598, RFC 4193, link-local
  IpAddress network() const;  // the /24 (v4) or /64 (v6) that limits count by
  auto operator<=>(const IpAddress&) const = default;
};

struct Endpoint {
  IpAddress ip;
  uint16_t port = 0;
  std::string to_string() const;  // 192.0.2.1:25, [2001:db8::1]:25
  auto operator<=>(const Endpoint&) const = default;
};

}  // namespace posthouse
