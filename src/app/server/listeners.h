// The sockets that the services listen on.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/config/config.h"
#include "base/result.h"
#include "net/socket.h"

namespace posthouse::app {

enum class Service { smtp, submission, submissions, imap, imaps, pop3, pop3s, http, https, lmtp, metrics };
inline constexpr Service kServices[] = {
    Service::smtp,  Service::submission, Service::submissions, Service::imap, Service::imaps,  Service::pop3,
    Service::pop3s, Service::http,       Service::https,       Service::lmtp, Service::metrics};

const char* to_string(Service service);  // the key in [listen]
const Listen& listen_of(const Config& config, Service service);

// Without it, IPv6 addresses beside others are passed over.
bool machine_has_ipv6();
Listen& listen_of(Config& config, Service service);

struct Bound {
  Service service;
  net::ListenSocket socket;
};

// Binds all that the configuration names. Sockets that systemd passed (LISTEN_FDS) are taken for the
// addresses they have. A fault names the service, the port and who holds it. An IPv6 address on a machine
// without IPv6 is passed over with a warning when the service has others.
Result<std::vector<Bound>> bind_listeners(const Config& config);

// Service name to the port of its first socket.
std::map<std::string, uint16_t> ports_of(const std::vector<Bound>& listeners);

}  // namespace posthouse::app
