// How many sessions there are, in all and of each network, so that one client can't take every place.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "base/ip.h"
#include "smtp/server.h"

namespace posthouse::smtp {

// Thread-safe. Memory: one entry for each network that has a session.
class ConnectionCounts {
 public:
  // A network is a /24 or /64.
  ConnectionCounts(uint32_t most, uint32_t most_of_network)
      : most_(most), most_of_network_(most_of_network) {}

  // Counts the session and gives a positive reply, or says why not (421) and counts nothing.
  Reply enter(const IpAddress& peer);
  // Once for each that entered.
  void leave(const IpAddress& peer);
  uint32_t total() const;

 private:
  const uint32_t most_, most_of_network_;
  mutable std::mutex mutex_;
  uint32_t total_ = 0;
  std::map<IpAddress, uint32_t> networks_;
};

}  // namespace posthouse::smtp
