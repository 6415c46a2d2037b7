// Push by EventSource (RFC 8620 section 7.3).
#pragma once

#include <optional>

#include "access/jmap/call.h"
#include "net/http_exchange.h"

namespace posthouse::access::jmap {

// Tells of changes until the client goes, the caller may no longer, or the server ends. Nothing: that was so;
// a reply: the request can't be.
Task<std::optional<net::HttpReply>> push_events(net::HttpExchange& exchange, const Services& services,
                                                const Caller& caller);

}  // namespace posthouse::access::jmap
