#include "app/server/listeners.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/ascii.h"
#include "base/log.h"

namespace posthouse::app {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START

// Sockets that systemd passed, each until it is taken.
std::vector<net::ListenSocket> passed_sockets() {
  std::vector<net::ListenSocket> out;
  const char* pid = std::getenv("LISTEN_PID");
  const char* count = std::getenv("LISTEN_FDS");
  if (pid == nullptr || count == nullptr || parse_uint(pid) != static_cast<uint64_t>(getpid())) return out;
  auto fds = parse_uint(count).value_or(0);
  for (int fd = kFirstPassed; fd < kFirstPassed + static_cast<int>(std::min<uint64_t>(fds, 256)); ++fd) {
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    auto socket = net::ListenSocket::adopt(fd);
    if (socket) {
      out.push_back(std::move(*socket));
    } else {
      log::warn("server.passed_socket_unusable", {{"fd", fd}, {"reason", socket.error().what}});
    }
  }
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return out;
}

// A dual-stack [::]:25 stands for 0.0.0.0:25 as well: what systemd makes of "ListenStream=25".
bool serves_both(const net::ListenSocket& socket, const Endpoint& wanted) {
  return socket.dual_stack() && socket.local().ip.is_any() && wanted.ip.is_any() &&
         socket.local().port == wanted.port;
}

// The passed socket for `at`, which is taken out: its very own, or else one that serves it too.
std::optional<net::ListenSocket> take(std::vector<net::ListenSocket>& passed, const Endpoint& at) {
  auto own = std::find_if(passed.begin(), passed.end(), [&](const auto& s) { return s.local() == at; });
  auto match = own != passed.end() ? own : std::find_if(passed.begin(), passed.end(), [&](const auto& s) {
    return serves_both(s, at);
  });
  if (match == passed.end()) return std::nullopt;
  net::ListenSocket socket = std::move(*match);
  passed.erase(match);
  return socket;
}

}  // namespace

bool machine_has_ipv6() {
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

const char* to_string(Service service) {
  switch (service) {
    case Service::smtp:
      return "smtp";
    case Service::submission:
      return "submission";
    case Service::submissions:
      return "submissions";
    case Service::imap:
      return "imap";
    case Service::imaps:
      return "imaps";
    case Service::pop3:
      return "pop3";
    case Service::pop3s:
      return "pop3s";
    case Service::http:
      return "http";
    case Service::https:
      return "https";
    case Service::lmtp:
      return "lmtp";
    case Service::metrics:
      return "metrics";
  }
  return "";
}

Listen& listen_of(Config& config, Service service) {
  switch (service) {
    case Service::smtp:
      return config.listen.smtp;
    case Service::submission:
      return config.listen.submission;
    case Service::submissions:
      return config.listen.submissions;
    case Service::imap:
      return config.listen.imap;
    case Service::imaps:
      return config.listen.imaps;
    case Service::pop3:
      return config.listen.pop3;
    case Service::pop3s:
      return config.listen.pop3s;
    case Service::http:
      return config.listen.http;
    case Service::https:
      return config.listen.https;
    case Service::lmtp:
      return config.listen.lmtp;
    case Service::metrics:
      break;
  }
  return config.listen.metrics;
}

const Listen& listen_of(const Config& config, Service service) {
  return listen_of(const_cast<Config&>(config), service);
}

Result<std::vector<Bound>> bind_listeners(const Config& config) {
  std::vector<net::ListenSocket> passed = passed_sockets();
  std::vector<Bound> out;
  bool ipv6 = machine_has_ipv6();
  for (Service service : kServices) {
    const Listen& wanted = listen_of(config, service);
    for (const Endpoint& at : wanted) {
      if (auto socket = take(passed, at)) {
        out.push_back({service, std::move(*socket)});
        continue;
      }
      bool served = std::any_of(out.begin(), out.end(), [&](const Bound& b) {
        return b.service == service && serves_both(b.socket, at);
      });
      if (served) continue;
      if (at.ip.v6 && !ipv6 && wanted.size() > 1) {
        log::warn("server.no_ipv6", {{"service", to_string(service)}, {"address", at.to_string()}});
        continue;
      }
      // One socket for all loops: it is refused when another program listens there, which with SO_REUSEPORT
      // it would not be.
      auto socket = net::ListenSocket::bind_tcp(at, false);
      if (!socket) {
        return fail(socket.error().kind,
                    fmt::format("listen.{}: {}", to_string(service), socket.error().what));
      }
      out.push_back({service, std::move(*socket)});
    }
  }
  // One session has a maildrop: a client that lost its network shall not lock itself out.
  for (Bound& bound : out) {
    const bool exclusive = bound.service == Service::pop3 || bound.service == Service::pop3s;
    if (exclusive) bound.socket.notice_gone_peers_soon();
  }
  for (const auto& socket : passed) {
    log::warn("server.passed_socket_unused", {{"address", socket.local().to_string()}});
  }
  return out;
}

std::map<std::string, uint16_t> ports_of(const std::vector<Bound>& listeners) {
  std::map<std::string, uint16_t> out;
  for (const Bound& bound : listeners) out.emplace(to_string(bound.service), bound.socket.local().port);
  return out;
}

}  // namespace posthouse::app
