// OAUTHBEARER (RFC 7628) and XOAUTH2: a token in place of a password.
#pragma once

#include <memory>

#include "wire/sasl/server.h"

namespace posthouse::wire::sasl {

// The channel's `tokens` must not be null and outlives the exchange.
std::unique_ptr<Exchange> make_oauthbearer(const Channel& channel, Authenticator& authenticator);
std::unique_ptr<Exchange> make_xoauth2(const Channel& channel, Authenticator& authenticator);

}  // namespace posthouse::wire::sasl
