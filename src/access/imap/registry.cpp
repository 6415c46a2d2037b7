#include "access/imap/registry.h"

namespace posthouse::access::imap {

std::shared_ptr<SessionRegistry> make_session_registry() {
  return std::make_shared<SessionRegistry>();
}

std::optional<SessionRegistry::Lease> SessionRegistry::enter(const std::shared_ptr<SessionRegistry>& registry,
                                                             uint64_t account, uint32_t most) {
  const std::lock_guard lock(registry->mutex_);
  uint32_t& count = registry->sessions_[account];
  if (count >= most) return std::nullopt;
  count++;
  return Lease(registry, account);
}

SessionRegistry::Lease::~Lease() {
  if (!registry_) return;
  const std::lock_guard lock(registry_->mutex_);
  auto found = registry_->sessions_.find(account_);
  if (--found->second == 0) registry_->sessions_.erase(found);
}

}  // namespace posthouse::access::imap
