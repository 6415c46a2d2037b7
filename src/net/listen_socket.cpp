#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "net/port_holder.h"
#include "net/socket.h"
#include "net/socket_address.h"

namespace posthouse::net {

namespace {
constexpr int kBacklog = 1024;
constexpr int kProbeAfterSeconds = 30;
constexpr int kProbeEverySeconds = 10;
constexpr int kProbes = 3;

std::unexpected<Fault> system_fault(const std::string& what, int error) {
  const FaultKind kind = error == EADDRINUSE ? FaultKind::exists
                         : error == EACCES   ? FaultKind::policy
                                             : FaultKind::io;
  const char* const why =
      error == EADDRNOTAVAIL ? "this machine does not have that address" : std::strerror(error);
  return fail(kind, what + ": " + why);
}

void set_flag(int fd, int level, int option) {
  const int on = 1;
  setsockopt(fd, level, option, &on, sizeof on);
}

// Connections inherit what is set here, so that accepting one costs no further system call.
void prepare_connections(int fd) {
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
  set_flag(fd, SOL_SOCKET, SO_KEEPALIVE);
}

void prepare(int fd, bool v6, bool shared) {
  set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
  if (shared) set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
  if (v6) set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
  prepare_connections(fd);
}

bool takes_ipv4_too(int fd) {
  int only = 0;
  socklen_t size = sizeof only;
  return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && only == 0;
}

// Only a socket that nobody listens on any more may be taken away.
bool remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info{};
  if (lstat(path.c_str(), &info) != 0) return true;
  if (!S_ISSOCK(info.st_mode)) return false;
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool alive = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
                     (errno != ECONNREFUSED && errno != ENOENT);
  ::close(probe);
  return !alive && unlink(path.c_str()) == 0;
}
}  // namespace

Result<ListenSocket> ListenSocket::bind_tcp(const Endpoint& at, bool shared) {
  ListenSocket result;
  const int family = at.ip.v6 ? AF_INET6 : AF_INET;
  result.fd_ = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const std::string what = "listen on " + at.to_string();
  if (result.fd_ < 0) return system_fault(what, errno);
  prepare(result.fd_, at.ip.v6, shared);
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(at, address);
  if (bind(result.fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(result.fd_, kBacklog) != 0) {
    const int error = errno;
    const std::string holder = error == EADDRINUSE ? port_holder(at) : "";
    return system_fault(
        holder.empty() ? what : what + " (port " + std::to_string(at.port) + " is held by " + holder + ")",
        error);
  }
  result.local_ = local_endpoint(result.fd_);
  return result;
}

Result<void> ListenSocket::try_bind(const Endpoint& at) {
  const int fd = socket(at.ip.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string what = "listen on " + at.to_string();
  if (fd < 0) return system_fault(what, errno);
  prepare(fd, at.ip.v6, false);
  sockaddr_storage address;
  const socklen_t size = to_sockaddr(at, address);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0;
  const int error = errno;
  ::close(fd);
  if (!bound) return system_fault(what, error);
  return {};
}

Result<ListenSocket> ListenSocket::bind_unix(const std::string& path, unsigned mode) {
  const std::string what = "listen on " + path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return fail(FaultKind::permanent, what + ": path too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (!remove_stale(path, address)) return fail(FaultKind::exists, what + ": in use, or no socket");
  ListenSocket result;
  result.fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (result.fd_ < 0) return system_fault(what, errno);
  // The mode of the descriptor becomes the file's, minus the umask: nobody gets in before chmod().
  fchmod(result.fd_, mode & 0777);
  if (bind(result.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      chmod(path.c_str(), mode & 0777) != 0 || listen(result.fd_, kBacklog) != 0) {
    return system_fault(what, errno);
  }
  result.local_ = local_endpoint(result.fd_);
  return result;
}

Result<ListenSocket> ListenSocket::adopt(int fd) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    return fail(FaultKind::permanent, "descriptor " + std::to_string(fd) + " is no listening socket");
  }
  const int flags = fcntl(fd, F_GETFL);
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
    return system_fault("adopt descriptor " + std::to_string(fd), errno);
  }
  ListenSocket result;
  result.fd_ = fd;
  result.local_ = local_endpoint(fd);
  if (result.local_.port != 0) prepare_connections(fd);
  result.dual_stack_ = result.local_.ip.v6 && takes_ipv4_too(fd);
  return result;
}

void ListenSocket::notice_gone_peers_soon() {
  const auto set = [this](int option, int value) {
    setsockopt(fd_, IPPROTO_TCP, option, &value, sizeof value);
  };
  set(TCP_KEEPIDLE, kProbeAfterSeconds);
  set(TCP_KEEPINTVL, kProbeEverySeconds);
  set(TCP_KEEPCNT, kProbes);
}

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), local_(other.local_), dual_stack_(other.dual_stack_) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(local_, other.local_);
  std::swap(dual_stack_, other.dual_stack_);
  return *this;
}

ListenSocket::~ListenSocket() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace posthouse::net
