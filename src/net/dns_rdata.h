// Reading the data of DNS records, which is whatever somebody put into the DNS.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/resolver.h"

namespace posthouse::net {

// Each takes the bytes of one record (RFC 1035 section 3.3), names uncompressed, and gives nothing if they
// break a rule or a limit. Names come out in lower case without trailing dot; the root is "".
std::optional<MxRecord> read_mx(std::string_view rdata);
std::optional<IpAddress> read_address(std::string_view rdata);  // A or AAAA, by its size
std::optional<std::string> read_txt(std::string_view rdata);    // its strings joined
std::optional<std::string> read_name(std::string_view rdata);   // PTR; only names of printable ASCII

}  // namespace posthouse::net
