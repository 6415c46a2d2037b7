#include "access/pop3/maildrops.h"

namespace posthouse::access::pop3 {

std::shared_ptr<Maildrops> make_maildrops() {
  return std::make_shared<Maildrops>();
}

void end_session(Maildrops& maildrops, uint64_t account) {
  maildrops.end(account);
}

std::optional<Maildrops::Lease> Maildrops::enter(const std::shared_ptr<Maildrops>& maildrops,
                                                 uint64_t account, net::Stream& stream) {
  const std::lock_guard lock(maildrops->mutex_);
  if (!maildrops->sessions_.emplace(account, &stream).second) return std::nullopt;
  return Lease(maildrops, account);
}

void Maildrops::end(uint64_t account) {
  const std::lock_guard lock(mutex_);
  // The session can't give its lease back, nor its stream go, meanwhile.
  if (const auto found = sessions_.find(account); found != sessions_.end()) found->second->cancel();
}

Maildrops::Lease::~Lease() {
  if (!maildrops_) return;
  const std::lock_guard lock(maildrops_->mutex_);
  maildrops_->sessions_.erase(account_);
}

}  // namespace posthouse::access::pop3
