#include "store/hiding.h"

namespace posthouse::store {

bool Hiding::allowed(AccountId account) const {
  const std::lock_guard lock(mutex_);
  return !paused_.contains(account);
}

Hiding::Pause::Pause(Hiding& hiding, AccountId account) : hiding_(hiding), account_(account) {
  const std::lock_guard lock(hiding_.mutex_);
  hiding_.paused_.insert(account_);
}

Hiding::Pause::~Pause() {
  const std::lock_guard lock(hiding_.mutex_);
  hiding_.paused_.erase(hiding_.paused_.find(account_));
}

}  // namespace posthouse::store
