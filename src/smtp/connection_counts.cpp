#include "smtp/connection_counts.h"

namespace posthouse::smtp {

Reply ConnectionCounts::enter(const IpAddress& peer) {
  IpAddress network = peer.network();
  std::lock_guard lock(mutex_);
  if (total_ >= most_) return {421, "4.3.2", "Too many connections, try again later"};
  uint32_t& count = networks_[network];
  if (count >= most_of_network_) {
    if (count == 0) networks_.erase(network);
    return {421, "4.7.0", "Too many connections from your network, try again later"};
  }
  ++count;
  ++total_;
  return {220, "", ""};
}

void ConnectionCounts::leave(const IpAddress& peer) {
  std::lock_guard lock(mutex_);
  auto it = networks_.find(peer.network());
  if (it == networks_.end()) return;
  if (--it->second == 0) networks_.erase(it);
  --total_;
}

uint32_t ConnectionCounts::total() const {
  std::lock_guard lock(mutex_);
  return total_;
}

}  // namespace posthouse::smtp
