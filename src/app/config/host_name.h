// Names of hosts and mail domains as they go on the wire.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::app {

// `text` as a host name of RFC 1123 section 2.1: lower case, labels of letters, digits and inner hyphens,
// other scripts in A-labels (RFC 5890), the dot at the end taken off. `syntax` for anything else, addresses
// and address literals included.
Result<std::string> host_name(std::string_view text);

// A host to connect to: a name, in which underscores may be, or an address with or without brackets.
Result<std::string> peer_name(std::string_view text);

// The same as host_name() for a name that others must find: at least two labels (RFC 5321 section 2.3.5).
Result<std::string> full_host_name(std::string_view text);

}  // namespace posthouse::app
