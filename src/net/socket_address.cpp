#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace posthouse::net {

socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out) {
  std::memset(&out, 0, sizeof out);
  if (endpoint.ip.v6) {
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&out);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    std::memcpy(&v6->sin6_addr, endpoint.ip.bytes.data(), 16);
    return sizeof *v6;
  }
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&out);
  v4->sin_family = AF_INET;
  v4->sin_port = htons(endpoint.port);
  std::memcpy(&v4->sin_addr, endpoint.ip.bytes.data(), 4);
  return sizeof *v4;
}

Endpoint from_sockaddr(const sockaddr_storage& address) {
  Endpoint endpoint;
  if (address.ss_family == AF_INET6) {
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    endpoint.port = ntohs(v6->sin6_port);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
      std::memcpy(endpoint.ip.bytes.data(), v6->sin6_addr.s6_addr + 12, 4);
    } else {
      endpoint.ip.v6 = true;
      std::memcpy(endpoint.ip.bytes.data(), &v6->sin6_addr, 16);
    }
  } else if (address.ss_family == AF_INET) {
    const auto* const v4 = reinterpret_cast<const sockaddr_in*>(&address);
    endpoint.port = ntohs(v4->sin_port);
    std::memcpy(endpoint.ip.bytes.data(), &v4->sin_addr, 4);
  } else {
    endpoint.ip = IpAddress::from_v4(INADDR_LOOPBACK);
  }
  return endpoint;
}

Endpoint local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return from_sockaddr(address);
}

}  // namespace posthouse::net
