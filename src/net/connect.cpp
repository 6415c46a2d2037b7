#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/socket.h"
#include "net/socket_address.h"
#include "net/socket_stream.h"

namespace posthouse::net {

namespace {
std::unexpected<Fault> not_connected(const std::string& to, int error) {
  if (error == ETIMEDOUT) return fail(FaultKind::timeout, "connect to " + to + ": timed out");
  return fail(FaultKind::temporary, "connect to " + to + ": " + std::strerror(error));
}

int set_options(int fd, const std::optional<IpAddress>& source) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (!source) return 0;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);  // the port is chosen by connect()
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(Endpoint{*source, 0}, address);
  return bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? 0 : errno;
}

// `fd`: a non-blocking socket, which is taken over.
Task<Result<std::unique_ptr<Stream>>> connect_socket(int fd, sockaddr_storage address, socklen_t size,
                                                     Endpoint peer, std::string name, SteadyTime deadline) {
  const bool at_once = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  const int error = errno;
  if (!at_once && error != EINPROGRESS) {
    ::close(fd);
    co_return not_connected(name, error);
  }
  auto stream = std::make_unique<SocketStream>(this_loop(), fd, peer);
  if (!at_once) {
    const Result<void> stands = co_await stream->wait_connected(deadline);
    if (!stands) co_return fail(stands.error().kind, "connect to " + name + ": " + stands.error().what);
  }
  stream->set_deadline(deadline);
  co_return std::unique_ptr<Stream>(std::move(stream));
}
}  // namespace

Task<Result<std::unique_ptr<Stream>>> connect_tcp(Endpoint to, SteadyTime deadline,
                                                  std::optional<IpAddress> source) {
  const int fd = socket(to.ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) co_return not_connected(to.to_string(), errno);
  const int error = set_options(fd, source);
  if (error != 0) {
    ::close(fd);
    co_return not_connected(to.to_string() + " from " + source->to_string(), error);
  }
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(to, address);
  auto connected = co_await connect_socket(fd, address, size, to, to.to_string(), deadline);
  co_return connected;
}

Task<Result<std::unique_ptr<Stream>>> connect_unix(std::string path, SteadyTime deadline) {
  sockaddr_storage address{};
  auto* const local = reinterpret_cast<sockaddr_un*>(&address);
  local->sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof local->sun_path) co_return not_connected(path, ENAMETOOLONG);
  std::memcpy(local->sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) co_return not_connected(path, errno);
  const Endpoint peer{IpAddress::from_v4(INADDR_LOOPBACK), 0};
  auto connected = co_await connect_socket(fd, address, sizeof(sockaddr_un), peer, path, deadline);
  co_return connected;
}

}  // namespace posthouse::net
