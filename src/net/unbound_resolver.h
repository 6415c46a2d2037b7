// Resolver on libunbound: asynchronous, caching, validating.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "net/resolver.h"

namespace posthouse::net {

struct UnboundOptions {
  std::vector<std::string>
      servers;                    // "127.0.0.1@5353"; empty: /etc/resolv.conf's, or recursion if `recursive`
  bool recursive = false;         // ask the root servers ourselves
  std::string trust_anchor_file;  // DNSSEC root key; empty: no validation
  seconds timeout{20};
};

// Whether a resolver could be made with them. Starts no thread and asks nobody.
Result<void> check_unbound_options(const UnboundOptions& options);

Result<std::unique_ptr<Resolver>> make_unbound_resolver(const UnboundOptions& options);

}  // namespace posthouse::net
