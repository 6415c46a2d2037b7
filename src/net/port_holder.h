// Who listens on a port already: for the message that an operator reads when a bind fails.
#pragma once

#include <cstdint>
#include <string>

namespace posthouse::net {

// "exim4 (pid 812)", or empty when /proc does not tell (another user's process, no such port).
std::string port_holder(uint16_t port);

}  // namespace posthouse::net
