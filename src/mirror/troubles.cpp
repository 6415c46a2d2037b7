#include "mirror/troubles.h"

#include "base/id.h"
#include "base/log.h"

namespace posthouse::mirror {

bool Troubles::tell(const Which& which, const std::string& name, const std::string& what, size_t many) {
  const std::lock_guard lock(mutex_);
  const SteadyTime now = clock_.steady();
  const Key key(which.account, which.mailbox, which.event);
  const auto [at, first] = entries_.try_emplace(key);
  Entry& entry = at->second;
  if (!first && now - entry.told < kTellAgain && many < 2 * entry.many) {
    ++entry.untold;
    return false;
  }
  if (first) {
    entry.since = now;
    if (entries_.size() > most_) {
      entries_.erase(order_.front());
      order_.pop_front();
    }
  } else {
    order_.erase(entry.place);
  }
  entry.place = order_.insert(order_.end(), key);
  entry.told = now;
  entry.many = many;
  log::warn(which.event, {{"account", format_id(which.account)},
                          {"mailbox", name},
                          {"what", what},
                          {"letters", many},
                          {"times_more", std::exchange(entry.untold, 0)}});
  return true;
}

bool Troubles::over(const Which& which, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(Key(which.account, which.mailbox, which.event));
  if (at == entries_.end()) return false;
  const auto lasted = std::chrono::duration_cast<milliseconds>(clock_.steady() - at->second.since);
  order_.erase(at->second.place);
  entries_.erase(at);
  log::info("mirror.over", {{"account", format_id(which.account)},
                            {"mailbox", name},
                            {"trouble", which.event},
                            {"lasted_ms", lasted.count()}});
  return true;
}

void Troubles::forget(store::AccountId account) {
  const std::lock_guard lock(mutex_);
  auto at = entries_.lower_bound(Key(account, 0, std::string_view()));
  while (at != entries_.end() && std::get<0>(at->first) == account) {
    order_.erase(at->second.place);
    at = entries_.erase(at);
  }
}

}  // namespace posthouse::mirror
