// Who listens on a port already: for the message that an operator reads when a bind fails.
#pragma once

#include <cstdint>
#include <string>

namespace posthouse::net {

// "exim4 (pid 812)"; "a process of user root", whoever opened the socket, where /proc hides other people's
// processes from us; empty when nobody listens there.
std::string port_holder(uint16_t port, const std::string& proc = "/proc");

}  // namespace posthouse::net
