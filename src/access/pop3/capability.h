// What a session announces and offers for the login.
#pragma once

#include "access/pop3/state.h"

namespace posthouse::access::pop3 {

// What SASL may know of the connection.
wire::sasl::Channel channel(const Session& s);

}  // namespace posthouse::access::pop3
