// Octets that go up and down by themselves (RFC 8620 sections 6.1 and 6.2).
#pragma once

#include <optional>
#include <string_view>

#include "access/jmap/call.h"
#include "net/http_exchange.h"

namespace posthouse::access::jmap {

// `rest`: of the path, behind "/jmap/upload/". Never holds more than a piece of what is uploaded.
Task<net::HttpReply> upload_reply(net::HttpExchange& exchange, const Services& services, const Caller& caller,
                                  std::string rest);

// `rest`: behind "/jmap/download/". Nothing: it was sent piece by piece.
Task<std::optional<net::HttpReply>> download(net::HttpExchange& exchange, const Services& services,
                                             const Caller& caller, std::string rest);

// The octets that a Range field asks for (RFC 9110 section 14.2), of `size`: one range only, others are
// passed over as the server may. Nothing: all; first > last: none of them are there.
struct ByteRange {
  uint64_t first = 0, last = 0;
};
std::optional<ByteRange> parse_range(std::string_view field, uint64_t size);

// The field Content-Disposition for a file of that name (RFC 6266, RFC 8187): whatever the name holds.
std::string attachment_field(std::string_view name);

}  // namespace posthouse::access::jmap
