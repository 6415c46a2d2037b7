// Who listens on a port already: for the message that an operator reads when a bind fails.
#pragma once

#include <string>

#include "base/ip.h"

namespace posthouse::net {

// Who is in the way of listening at `wanted`: on that very address, or on all of its family; on a wildcard,
// everybody on the port. "exim4 (pid 812)", "exim4 (pid 812) and nginx (pid 7)"; "a process of user root",
// whoever opened the socket, where /proc hides other people's processes from us; empty when nobody listens
// there.
std::string port_holder(const Endpoint& wanted, const std::string& proc = "/proc");

}  // namespace posthouse::net
