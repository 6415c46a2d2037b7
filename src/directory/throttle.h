// Slows down guessing. Delay, not lock-out: nobody can shut an account out for ever by failing on purpose.
//
// Failures are counted for the account name, and for the network (/24 or /64) they come from. After some free
// failures each further try must wait 1 s, 2 s, 4 s ... up to a longest delay. An account that has logged in
// from a network before is known there: then only its own failures from that network count, not those of
// strangers.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/ip.h"
#include "base/result.h"
#include "directory/lru_map.h"

namespace posthouse::directory {

// Thread-safe; bounded memory (kThrottleEntries of each kind).
class Throttle {
 public:
  explicit Throttle(const Clock& clock);

  // `policy` with the time to wait when a try is too early. A try that is allowed although there were too
  // many failures takes its waiting time with it: a second one at the same moment is refused.
  Result<void> check(const std::string& name, const IpAddress& peer);
  // How a try ended that check() allowed. False for a success that does not stand: it began while failures
  // were free and ends when they no longer are, one of many that were under way together.
  bool report(const std::string& name, const IpAddress& peer, bool success);

 private:
  struct Failures {
    uint32_t count = 0;
    SteadyTime last{};
    bool admitted = false;  // a try took its waiting time, and none has succeeded since
  };
  struct Limits;
  static const Limits kAccount, kNetwork, kKnown;
  static bool stands(Failures* failures, const Limits& limits);
  SteadyTime::duration wait(Failures* failures, const Limits& limits, SteadyTime now) const;
  static void add(LruMap<std::string, Failures>& map, const std::string& key, SteadyTime now);

  const Clock& clock_;
  std::mutex mutex_;
  LruMap<std::string, Failures> accounts_, networks_, known_;
};

}  // namespace posthouse::directory
