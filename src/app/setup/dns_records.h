// What a mail domain publishes in DNS.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"

namespace posthouse::app {

struct DnsRecord {
  std::string name;  // without the closing dot
  std::string type;  // MX, TXT, ...
  std::optional<std::string>
      value;        // as in a zone file, TXT in strings of at most 255 bytes; nothing: not known here
  std::string why;  // one line for people
};

struct DnsFacts {
  std::string domain, hostname;
  std::string rsa_selector, rsa_record, ed25519_selector, ed25519_record;
  SystemTime now{};
  std::vector<IpAddress> addresses;  // of the host
};

// MX, SPF, DKIM, DMARC, MTA-STS, TLS-RPT, and SRV records that clients find their servers by (RFC 6186, RFC
// 8314).
std::vector<DnsRecord> dns_records(const DnsFacts& facts);

// The records as part of the zone file of `facts.domain`, each with why it is there. What is not known, or
// belongs into another zone, is a comment.
std::string zone_text(const DnsFacts& facts);

// The policy file that goes with MTA-STS (RFC 8461 section 3.2).
std::string mta_sts_policy(const DnsFacts& facts);

// A TXT value in quotes, cut into strings of at most 255 bytes (RFC 1035 section 3.3.14).
std::string txt_value(std::string_view text);

}  // namespace posthouse::app
