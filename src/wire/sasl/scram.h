// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677) on the server, by GNU SASL.
#pragma once

#include <memory>

#include "wire/sasl/server.h"

namespace posthouse::wire::sasl {

// `plus`: with channel binding; the channel must have one.
std::unique_ptr<Exchange> make_scram(bool plus, const Channel& channel, Authenticator& authenticator);

}  // namespace posthouse::wire::sasl
