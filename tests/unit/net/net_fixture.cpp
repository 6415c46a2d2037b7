#include "unit/net/net_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

#include "net/socket_address.h"

namespace posthouse::net::testing_net {

Task<TcpPair> tcp_pair() {
  auto socket = ListenSocket::bind_tcp(kLoopback, false);
  if (!socket) throw std::runtime_error(socket.error().what);
  Arrivals arrivals;
  const Acceptor acceptor(this_loop(), *socket, arrivals.sink());
  auto client = co_await connect_tcp(socket->local(), in_seconds(20));
  if (!client) throw std::runtime_error(client.error().what);
  TcpPair pair;
  pair.client = std::move(*client);
  Arrivals::Awaiter next = arrivals.next();
  pair.server = co_await next;
  pair.server->set_deadline(in_seconds(20));
  co_return pair;
}

Task<std::string> read_exactly(Stream& stream, size_t size) {
  std::string all;
  std::string chunk(65536, '\0');
  while (all.size() < size) {
    const std::span<char> room(chunk.data(), std::min(chunk.size(), size - all.size()));
    const Result<size_t> got = co_await stream.read_some(room);
    if (!got || *got == 0) break;
    all.append(chunk, 0, *got);
  }
  co_return all;
}

Task<std::string> read_to_end(Stream& stream) {
  std::string all = co_await read_exactly(stream, SIZE_MAX);
  co_return all;
}

RawClient::RawClient(const Endpoint& to)
    : fd_(::socket(to.ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{20, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(to, address);
  connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0;
}

RawClient::~RawClient() {
  ::close(fd_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

std::string RawClient::receive(size_t size) {
  std::string all;
  char chunk[4096];
  while (all.size() < size) {
    const ssize_t n = ::recv(fd_, chunk, std::min(sizeof chunk, size - all.size()), 0);
    if (n <= 0) break;
    all.append(chunk, static_cast<size_t>(n));
  }
  return all;
}

std::string RawClient::receive_all() {
  return receive(SIZE_MAX);
}

}  // namespace posthouse::net::testing_net
