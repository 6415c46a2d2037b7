#include "access/imap/registry.h"

namespace posthouse::access::imap {

std::shared_ptr<SessionRegistry> make_session_registry() {
  return std::make_shared<SessionRegistry>();
}

void end_sessions(SessionRegistry& registry, uint64_t account, std::optional<uint32_t> app_password) {
  registry.end(account, app_password);
}

std::optional<SessionRegistry::Lease> SessionRegistry::enter(const std::shared_ptr<SessionRegistry>& registry,
                                                             const wire::sasl::Identity& who, uint32_t most,
                                                             Waker& ender) {
  const std::lock_guard lock(registry->mutex_);
  std::map<Waker*, uint32_t>& open = registry->sessions_[who.account];
  if (open.size() >= most) return std::nullopt;
  open.emplace(&ender, who.app_password);
  return Lease(registry, who.account, &ender);
}

void SessionRegistry::end(uint64_t account, std::optional<uint32_t> app_password) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(account);
  if (found == sessions_.end()) return;
  // A signal only posts; and no session can give its lease back meanwhile.
  for (const auto& [ender, came_by] : found->second) {
    if (!app_password || came_by == *app_password) ender->signal();
  }
}

SessionRegistry::Lease::~Lease() {
  if (!registry_) return;
  const std::lock_guard lock(registry_->mutex_);
  auto found = registry_->sessions_.find(account_);
  found->second.erase(ender_);
  if (found->second.empty()) registry_->sessions_.erase(found);
}

}  // namespace posthouse::access::imap
