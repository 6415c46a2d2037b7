// Port 25: letters from other hosts. Decides who may send what to whom (no relaying for strangers, ever).
#pragma once

#include <memory>
#include <string>

#include "acceptance/acceptance.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "smtp/server.h"

namespace posthouse::transport {

struct ReceptionOptions {
  std::string hostname;
  uint64_t max_size = 50ull << 20;
  uint32_t max_connections = 2000;
  uint32_t max_connections_per_network = 50;  // a /24 or /64
};

std::unique_ptr<smtp::SmtpService> make_reception(acceptance::Acceptance& acceptance,
                                                  directory::Directory& directory, const Clock& clock,
                                                  ReceptionOptions options);

}  // namespace posthouse::transport
