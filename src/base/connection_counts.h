// How many sessions there are, in all and of each network, so that one client can't take every place.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip.h"

namespace posthouse {

// Thread-safe. Memory: one entry for each network that has a session.
class ConnectionCounts {
 public:
  enum class Entry { taken, too_many, too_many_of_network };

  // Counts the session, or says why not and counts nothing. A network is a /24 or /64. The limits may change
  // from call to call.
  Entry enter(const IpAddress& peer, uint64_t most, uint64_t most_of_network);
  // Once for each that was taken.
  void leave(const IpAddress& peer);
  uint64_t total() const;

 private:
  mutable std::mutex mutex_;
  uint64_t total_ = 0;
  std::map<IpAddress, uint64_t> networks_;
};

}  // namespace posthouse
