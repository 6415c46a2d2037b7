// The addresses that others reach this host by, as far as it knows them itself.
#pragma once

#include <vector>

#include "base/ip.h"

namespace posthouse::app {

// Whether an address is one of the public Internet (RFC 6890): neither private, nor for documentation, nor
// multicast.
bool is_public(const IpAddress& ip);

// Public addresses of the interfaces that are up, without those that change for privacy's sake (RFC 8981)
// where the system tells. Empty behind a translator.
std::vector<IpAddress> own_public_addresses();

}  // namespace posthouse::app
