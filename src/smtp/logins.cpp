#include "smtp/logins.h"

namespace posthouse::smtp {

std::optional<Logins::Lease> Logins::enter(const std::shared_ptr<Logins>& logins,
                                           const wire::sasl::Identity& who, uint32_t most,
                                           net::Stream& stream) {
  const std::lock_guard lock(logins->mutex_);
  std::map<net::Stream*, Session>& open = logins->sessions_[who.account];
  if (open.size() >= most) return std::nullopt;
  open.emplace(&stream, Session{who.app_password, false});
  return Lease(logins, who.account, &stream);
}

void Logins::end(uint64_t account, std::optional<uint32_t> app_password) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(account);
  if (found == sessions_.end()) return;
  for (auto& [stream, session] : found->second) {
    if (app_password && session.app_password != *app_password) continue;
    session.ended = true;
    stream->cancel();  // no session can give its lease back, nor its stream go, meanwhile
  }
}

bool Logins::Lease::ended() const {
  if (!logins_) return false;
  const std::lock_guard lock(logins_->mutex_);
  return logins_->sessions_.at(account_).at(stream_).ended;
}

Logins::Lease::~Lease() {
  if (!logins_) return;
  const std::lock_guard lock(logins_->mutex_);
  const auto found = logins_->sessions_.find(account_);
  found->second.erase(stream_);
  if (found->second.empty()) logins_->sessions_.erase(found);
}

}  // namespace posthouse::smtp
