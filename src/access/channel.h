// What SASL may know of a client's connection.
#pragma once

#include "net/stream.h"
#include "wire/sasl/server.h"

namespace posthouse::access {

// `protocol`: as logs and limits call it.
wire::sasl::Channel channel_of(const net::Stream& stream, bool allow_plain_without_tls, const char* protocol);

}  // namespace posthouse::access
