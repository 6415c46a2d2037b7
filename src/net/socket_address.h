// Between Endpoint and the kernel's socket addresses.
#pragma once

#include <sys/socket.h>

#include "base/ip.h"

namespace posthouse::net {

// Gives the used size of `out`.
socklen_t to_sockaddr(const Endpoint& endpoint, sockaddr_storage& out);

// v4-mapped addresses become v4; a local socket becomes loopback, port 0.
Endpoint from_sockaddr(const sockaddr_storage& address);

// Where the socket is bound; nothing but zeros on error.
Endpoint local_endpoint(int fd);

}  // namespace posthouse::net
