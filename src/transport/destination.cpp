#include "transport/destination.h"

#include "transport/limits.h"

namespace posthouse::transport {

uint32_t Destination::limit(uint32_t most) const {
  if (failures != 0) return 1;  // a single one finds out whether it is back
  return std::min(most, allowed == 0 ? kFirstConnections : allowed);
}

void Destination::reached(uint32_t most) {
  failures = 0;
  closed_until = {};
  if (allowed == 0) allowed = kFirstConnections;
  allowed = std::min(allowed, most);
  if (++successes < allowed || allowed == most) return;
  successes = 0;
  ++allowed;
}

void Destination::crowded() {
  allowed = std::max(connected, 1u);
  successes = 0;
}

void Destination::failed(Answer why, SteadyTime now, Random& random) {
  last_failure = std::move(why);
  if (is_closed(now)) return;  // several connections met the same trouble: it counts once
  const uint32_t doublings = std::min(failures, 16u);
  ++failures;
  allowed = 0;
  successes = 0;
  const milliseconds wait = std::min<milliseconds>(kCloseMost, milliseconds(kCloseFirst) * (1u << doublings));
  const auto jitter = static_cast<int64_t>(random.below(static_cast<uint64_t>(wait.count() / 4 + 1)));
  closed_until = now + wait + milliseconds(jitter);
}

void HostMemory::put(Times& times, const IpAddress& ip, SteadyTime until) {
  if (times.size() >= kMaxRemembered) times.clear();
  times[ip] = until;
}

bool HostMemory::has(const Times& times, const IpAddress& ip, SteadyTime now) {
  const auto it = times.find(ip);
  return it != times.end() && now < it->second;
}

Route HostMemory::order(const Route& route, SteadyTime now) const {
  Route good;
  Route bad;
  for (const Host& host : route) (is_bad(host.at.ip, now) ? bad : good).push_back(host);
  good.insert(good.end(), bad.begin(), bad.end());
  return good;
}

}  // namespace posthouse::transport
