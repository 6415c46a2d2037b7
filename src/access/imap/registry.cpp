#include "access/imap/registry.h"

namespace posthouse::access::imap {

std::shared_ptr<SessionRegistry> make_session_registry() {
  return std::make_shared<SessionRegistry>();
}

void end_sessions(SessionRegistry& registry, uint64_t account) {
  registry.end(account);
}

std::optional<SessionRegistry::Lease> SessionRegistry::enter(const std::shared_ptr<SessionRegistry>& registry,
                                                             uint64_t account, uint32_t most, Waker& ender) {
  const std::lock_guard lock(registry->mutex_);
  std::set<Waker*>& open = registry->sessions_[account];
  if (open.size() >= most) return std::nullopt;
  open.insert(&ender);
  return Lease(registry, account, &ender);
}

void SessionRegistry::end(uint64_t account) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(account);
  if (found == sessions_.end()) return;
  // A signal only posts; and no session can give its lease back meanwhile.
  for (Waker* ender : found->second) ender->signal();
}

SessionRegistry::Lease::~Lease() {
  if (!registry_) return;
  const std::lock_guard lock(registry_->mutex_);
  auto found = registry_->sessions_.find(account_);
  found->second.erase(ender_);
  if (found->second.empty()) registry_->sessions_.erase(found);
}

}  // namespace posthouse::access::imap
