#include "access/pop3/maildrops.h"

#include "access/pop3/limits.h"

namespace posthouse::access::pop3 {

std::shared_ptr<Maildrops> make_maildrops() {
  return std::make_shared<Maildrops>();
}

void end_session(Maildrops& maildrops, uint64_t account, std::optional<uint32_t> app_password) {
  maildrops.end(account, app_password);
}

std::optional<Maildrops::Lease> Maildrops::enter(const std::shared_ptr<Maildrops>& maildrops,
                                                 const wire::sasl::Identity& who, net::Stream& stream,
                                                 SteadyTime now) {
  const std::lock_guard lock(maildrops->mutex_);
  const auto [place, entered] =
      maildrops->sessions_.emplace(who.account, Holder{&stream, who.app_password, {}});
  if (entered) return Lease(maildrops, who.account);
  const Holder& holder = place->second;
  if (holder.writing_since && now - *holder.writing_since >= kStalled) holder.stream->cancel();
  return std::nullopt;
}

void Maildrops::Lease::note_writing(std::optional<SteadyTime> since) {
  if (!maildrops_) return;
  const std::lock_guard lock(maildrops_->mutex_);
  maildrops_->sessions_.at(account_).writing_since = since;
}

void Maildrops::end(uint64_t account, std::optional<uint32_t> app_password) {
  const std::lock_guard lock(mutex_);
  // The session can't give its lease back, nor its stream go, meanwhile.
  const auto found = sessions_.find(account);
  if (found == sessions_.end()) return;
  if (!app_password || found->second.app_password == *app_password) found->second.stream->cancel();
}

Maildrops::Lease::~Lease() {
  if (!maildrops_) return;
  const std::lock_guard lock(maildrops_->mutex_);
  maildrops_->sessions_.erase(account_);
}

}  // namespace posthouse::access::pop3
