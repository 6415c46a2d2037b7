// `posthouse setup`: everything a host needs to serve a domain.
#pragma once

#include <string>

#include "app/setup/dns_records.h"
#include "base/result.h"

namespace posthouse::app {

struct SetupOptions {
  std::string address;               // the administrator's
  std::string directory;             // "": /etc/posthouse and /var/lib/posthouse
  std::string hostname;              // "": mail.DOMAIN
  std::vector<IpAddress> addresses;  // to publish; none: those that this host knows of itself
  std::string user;                  // whom `serve` becomes; used when we are root
};

struct SetupResult {
  std::string config_file, data_directory, address, password, certificate;
  DnsFacts dns;
};

// Makes it all, or fails, names what is in the way and leaves nothing behind; overwrites nothing. What a
// setup that was killed has left is made anew. As root the data belongs to the user.
Result<SetupResult> set_up(const SetupOptions& options);

}  // namespace posthouse::app
