// DNS as the mail system asks it. Interface here; libunbound behind net/unbound_resolver.h; tests script
// their own (tests/support/scripted_resolver.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/task.h"

namespace posthouse::net {

enum class DnsStatus {
  ok,        // records may still be none: the name exists without this type
  nxdomain,  // the name does not exist
  servfail,  // no answer, time-out, or bogus: try again later
};

struct MxRecord {
  uint16_t preference = 0;
  std::string host;  // lower case, no trailing dot; "" is the null MX (RFC 7505)
};

template <class Record>
struct DnsAnswer {
  DnsStatus status = DnsStatus::servfail;
  bool secure = false;          // DNSSEC validated
  std::vector<Record> records;  // at most 100, malformed ones left out
};

// Names are ASCII (A-labels). Call from any loop; the answer comes back on the caller's. Bounded in time.
class Resolver {
 public:
  virtual ~Resolver() = default;
  virtual Task<DnsAnswer<MxRecord>> mx(std::string name) = 0;
  virtual Task<DnsAnswer<IpAddress>> addresses(std::string name) = 0;  // A and AAAA together, v6 first
  virtual Task<DnsAnswer<std::string>> txt(std::string name) = 0;      // strings of a record joined
  virtual Task<DnsAnswer<std::string>> ptr(IpAddress address) = 0;

  // Answers everything that waits, and all that will be asked, with servfail at once, so that a program that
  // stops need not wait for name servers. The askers' executors must still run. Any thread.
  virtual void give_up() {}
};

}  // namespace posthouse::net
