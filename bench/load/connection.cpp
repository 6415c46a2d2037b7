#include "connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace load {

namespace {
sockaddr_in address(const std::string& host, uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  inet_pton(AF_INET, host.c_str(), &to.sin_addr);
  return to;
}

// The kernel looks long for a free port once an address has used up a good part of them: each so many
// connections have another of the addresses of loopback.
constexpr int kOfOneAddress = 4000;

void spread(int fd, const sockaddr_in& to) {
  if (ntohl(to.sin_addr.s_addr) != INADDR_LOOPBACK || fd < kOfOneAddress) return;
  const int one = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  sockaddr_in from = to;
  from.sin_port = 0;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + static_cast<uint32_t>(fd / kOfOneAddress));
  bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from);
}
}  // namespace

Connection::~Connection() {
  close();
}

bool Connection::connect(const std::string& host, uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in to = address(host, port);
  spread(fd, to);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS) {
    ::close(fd);
    return false;
  }
  connecting_ = true;
  want_write_ = true;
  adopt(fd);
  return true;
}

void Connection::adopt(int fd) {
  fd_ = fd;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  epoll_event event{};
  event.events = want_write_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = this;
  epoll_ctl(poller_.epoll_, EPOLL_CTL_ADD, fd, &event);
}

void Connection::watch() {
  epoll_event event{};
  event.events = want_write_ ? EPOLLIN | EPOLLOUT : EPOLLIN;
  event.data.ptr = this;
  epoll_ctl(poller_.epoll_, EPOLL_CTL_MOD, fd_, &event);
}

void Connection::close() {
  if (fd_ < 0) return;
  ::close(fd_);
  fd_ = -1;
  in_.clear();
  out_.clear();
  out_at_ = 0;
  connecting_ = want_write_ = false;
}

void Connection::send(std::string_view bytes) {
  if (fd_ < 0) return;
  if (out_.empty() && !connecting_) {
    ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    if (bytes.empty()) return;
  }
  out_.append(bytes);
  if (!want_write_) {
    want_write_ = true;
    watch();
  }
}

void Connection::flush() {
  while (out_at_ < out_.size()) {
    ssize_t n = ::send(fd_, out_.data() + out_at_, out_.size() - out_at_, MSG_NOSIGNAL);
    if (n <= 0) return;
    out_at_ += static_cast<size_t>(n);
  }
  out_.clear();
  out_at_ = 0;
  want_write_ = false;
  watch();
}

void Connection::ready(uint32_t events) {
  if (connecting_ && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
      close();
      on_close();
      return;
    }
    connecting_ = false;
    on_open();
    if (fd_ < 0) return;
  }
  if (events & EPOLLOUT) flush();
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  static thread_local std::array<char, 256 * 1024> buffer;
  ssize_t n = recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    close();
    on_close();
    return;
  }
  std::string_view bytes{buffer.data(), static_cast<size_t>(n)};
  if (in_.empty()) {
    size_t used = on_bytes(bytes);
    if (fd_ >= 0 && used < bytes.size()) in_.assign(bytes.substr(used));
  } else {
    in_.append(bytes);
    size_t used = on_bytes(in_);
    if (fd_ >= 0) in_.erase(0, used);
  }
}

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Poller::~Poller() {
  if (listener_ >= 0) ::close(listener_);
  ::close(epoll_);
}

bool Poller::listen(const std::string& host, uint16_t port, std::function<void(int)> on_accept) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int one = 1;
  setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in at = address(host, port);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(listener_, 4096) != 0)
    return false;
  on_accept_ = std::move(on_accept);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
  return true;
}

void Poller::run(const std::function<bool()>& done, const std::function<void()>& tick) {
  std::array<epoll_event, 256> events{};
  while (!done()) {
    int wait = 100;
    if (wake_ != Time::max()) {
      double us = micros(now(), wake_);
      wait = us <= 0 ? 0 : std::min(100, static_cast<int>(us / 1000) + 1);
    }
    int n = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < n; ++i) {
      auto* connection = static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr);
      if (connection) {
        if (connection->fd_ >= 0) connection->ready(events[static_cast<size_t>(i)].events);
        continue;
      }
      for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        on_accept_(fd);
    }
    if (tick) tick();
  }
}

bool take_line(std::string_view& bytes, std::string_view& line) {
  size_t end = bytes.find('\n');
  if (end == std::string_view::npos) return false;
  line = bytes.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  bytes.remove_prefix(end + 1);
  return true;
}

}  // namespace load
