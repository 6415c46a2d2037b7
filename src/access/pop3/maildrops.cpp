#include "access/pop3/maildrops.h"

#include "access/pop3/limits.h"

namespace posthouse::access::pop3 {

std::shared_ptr<Maildrops> make_maildrops() {
  return std::make_shared<Maildrops>();
}

void end_session(Maildrops& maildrops, uint64_t account) {
  maildrops.end(account);
}

std::optional<Maildrops::Lease> Maildrops::enter(const std::shared_ptr<Maildrops>& maildrops,
                                                 uint64_t account, net::Stream& stream, SteadyTime now) {
  const std::lock_guard lock(maildrops->mutex_);
  const auto [place, entered] = maildrops->sessions_.emplace(account, Holder{&stream, {}});
  if (entered) return Lease(maildrops, account);
  const Holder& holder = place->second;
  if (holder.writing_since && now - *holder.writing_since >= kStalled) holder.stream->cancel();
  return std::nullopt;
}

void Maildrops::Lease::note_writing(std::optional<SteadyTime> since) {
  if (!maildrops_) return;
  const std::lock_guard lock(maildrops_->mutex_);
  maildrops_->sessions_.at(account_).writing_since = since;
}

void Maildrops::end(uint64_t account) {
  const std::lock_guard lock(mutex_);
  // The session can't give its lease back, nor its stream go, meanwhile.
  if (const auto found = sessions_.find(account); found != sessions_.end()) found->second.stream->cancel();
}

Maildrops::Lease::~Lease() {
  if (!maildrops_) return;
  const std::lock_guard lock(maildrops_->mutex_);
  maildrops_->sessions_.erase(account_);
}

}  // namespace posthouse::access::pop3
