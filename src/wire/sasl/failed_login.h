// Failed logins in the log, in one form for all protocols, which fail2ban reads (packaging/fail2ban).
#pragma once

#include <string_view>

#include "wire/sasl/server.h"

namespace posthouse::wire::sasl {

// "auth.failed" with session, address, protocol, name and reason. "auth.put_off" instead when it is our own
// doing: too many have failed before, the directory can't be read, or a channel binding is not known here.
// That may meet the owner, whom a stranger's guesses must not have banned. `name`: as the client gave it;
// escaped and bounded.
void log_failed_login(const Channel& channel, std::string_view name, const Fault& fault);

}  // namespace posthouse::wire::sasl
