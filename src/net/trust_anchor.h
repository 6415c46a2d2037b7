// The DNSSEC root key in a file.
#pragma once

#include <string>

#include "base/result.h"

namespace posthouse::net {

// Is `path` a file with DNSSEC keys (DS or DNSKEY records)? libunbound takes an empty file for good, reads a
// folder for ever, and of all else says "initialization failure".
Result<void> check_trust_anchor(const std::string& path);

}  // namespace posthouse::net
