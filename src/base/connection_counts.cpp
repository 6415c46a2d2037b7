#include "base/connection_counts.h"

namespace posthouse {

ConnectionCounts::Entry ConnectionCounts::enter(const IpAddress& peer, uint64_t most,
                                                uint64_t most_of_network) {
  const IpAddress network = peer.network();
  const std::lock_guard lock(mutex_);
  if (total_ >= most) return Entry::too_many;
  const auto known = networks_.find(network);
  if ((known == networks_.end() ? 0 : known->second) >= most_of_network) return Entry::too_many_of_network;
  ++networks_[network];
  ++total_;
  return Entry::taken;
}

void ConnectionCounts::leave(const IpAddress& peer) {
  const std::lock_guard lock(mutex_);
  const auto known = networks_.find(peer.network());
  if (known == networks_.end()) return;
  if (--known->second == 0) networks_.erase(known);
  --total_;
}

uint64_t ConnectionCounts::total() const {
  const std::lock_guard lock(mutex_);
  return total_;
}

}  // namespace posthouse
