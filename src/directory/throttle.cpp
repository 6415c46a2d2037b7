#include "directory/throttle.h"

#include "directory/limits.h"

namespace posthouse::directory {

struct Throttle::Limits {
  uint32_t free_failures;
  seconds longest;
};

constexpr Throttle::Limits Throttle::kAccount{kFreeFailuresAccount, kLongestDelayAccount};
constexpr Throttle::Limits Throttle::kNetwork{kFreeFailuresNetwork, kLongestDelayNetwork};
constexpr Throttle::Limits Throttle::kKnown{kFreeFailuresKnown, kLongestDelayKnown};

namespace {
std::string pair_key(const std::string& name, const std::string& network) {
  return network + ' ' + name;
}
}  // namespace

Throttle::Throttle(const Clock& clock)
    : clock_(clock), accounts_(kThrottleEntries), networks_(kThrottleEntries), known_(kThrottleEntries) {}

SteadyTime::duration Throttle::wait(Failures* failures, const Limits& limits, SteadyTime now) const {
  if (failures == nullptr) return {};
  if (now - failures->last >= kForgetFailures) failures->count = 0;
  if (failures->count < limits.free_failures) return {};
  uint32_t doublings = std::min(failures->count - limits.free_failures, 20u);
  auto delay = std::min<SteadyTime::duration>(seconds(1ull << doublings), limits.longest);
  SteadyTime next = failures->last + delay;
  return next > now ? next - now : SteadyTime::duration{};
}

Result<void> Throttle::check(const std::string& name, const IpAddress& peer) {
  std::string network = peer.network().to_string();
  SteadyTime now = clock_.steady();
  std::lock_guard lock(mutex_);

  SteadyTime::duration longest{};
  std::array<std::pair<Failures*, uint32_t>, 2> counted{};
  if (Failures* known = known_.find(pair_key(name, network))) {
    longest = wait(known, kKnown, now);
    counted[0] = {known, kKnown.free_failures};
  } else {
    counted[0] = {accounts_.find(name), kAccount.free_failures};
    counted[1] = {networks_.find(network), kNetwork.free_failures};
    longest = std::max(wait(counted[0].first, kAccount, now), wait(counted[1].first, kNetwork, now));
  }
  if (longest > SteadyTime::duration{}) {
    auto whole = std::chrono::ceil<seconds>(longest);
    return fail(FaultKind::policy,
                fmt::format("throttled: too many failed logins, try again in {} s", whole.count()));
  }
  for (auto& [failures, free_failures] : counted) {
    if (failures == nullptr || failures->count < free_failures) continue;
    failures->last = now;
    failures->admitted = true;
  }
  return {};
}

bool Throttle::stands(Failures* failures, const Limits& limits) {
  if (failures == nullptr || failures->count < limits.free_failures) return true;
  return std::exchange(failures->admitted, false);
}

void Throttle::add(LruMap<std::string, Failures>& map, const std::string& key, SteadyTime now) {
  Failures* failures = map.find(key);
  if (failures == nullptr) failures = &map.put(key, Failures{});
  if (failures->count < UINT32_MAX) ++failures->count;
  failures->last = now;
}

bool Throttle::report(const std::string& name, const IpAddress& peer, bool success) {
  std::string network = peer.network().to_string();
  std::string pair = pair_key(name, network);
  SteadyTime now = clock_.steady();
  std::lock_guard lock(mutex_);
  Failures* known = known_.find(pair);
  if (!success) {
    if (known != nullptr) {
      add(known_, pair, now);
    } else {
      add(accounts_, name, now);
      add(networks_, network, now);
    }
    return true;
  }
  if (known != nullptr) {
    if (!stands(known, kKnown)) return false;
  } else {
    // Both are asked: what was admitted is used up in each.
    const bool account = stands(accounts_.find(name), kAccount);
    const bool from_there = stands(networks_.find(network), kNetwork);
    if (!account || !from_there) return false;
  }
  known_.put(pair, Failures{0, now});
  return true;
}

}  // namespace posthouse::directory
