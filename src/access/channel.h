// What SASL may know of a client's connection.
#pragma once

#include <string>

#include "net/stream.h"
#include "wire/sasl/server.h"

namespace posthouse::access {

// `protocol`: as logs and limits call it. `authenticator` outlives the channel.
wire::sasl::Channel channel_of(const net::Stream& stream, bool allow_plain_without_tls, const char* protocol,
                               const std::string& session_id, const wire::sasl::Authenticator& authenticator);

}  // namespace posthouse::access
