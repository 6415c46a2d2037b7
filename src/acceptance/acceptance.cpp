#include "acceptance/acceptance.h"

#include "acceptance/impl.h"
#include "acceptance/limits.h"
#include "base/log.h"

namespace posthouse::acceptance {

using directory::Resolution;

Acceptance::Impl::Impl(engine::Engine& engine_, directory::Directory& directory_, store::MailStore& store_,
                       delivery::Delivery& delivery_, queue::Queue& queue_, const Clock& clock_,
                       IdSource& ids_, Options options_)
    : engine(engine_),
      directory(directory_),
      store(store_),
      delivery(delivery_),
      queue(queue_),
      clock(clock_),
      ids(ids_),
      options(options_),
      letters("posthouse_letters_accepted_total", "Letters taken in"),
      bytes("posthouse_letters_accepted_bytes_total", "Octets of the letters taken in"),
      local_copies("posthouse_letters_copies_total", "Copies of letters taken in", {{"to", "mailbox"}}),
      remote_copies("posthouse_letters_copies_total", "Copies of letters taken in", {{"to", "queue"}}),
      refused("posthouse_letters_refused_total", "Letters refused after their last byte") {}

Acceptance::Acceptance(engine::Engine& engine, directory::Directory& directory, store::MailStore& store,
                       delivery::Delivery& delivery, queue::Queue& queue, const Clock& clock, IdSource& ids,
                       Options options)
    : impl_(std::make_unique<Impl>(engine, directory, store, delivery, queue, clock, ids, options)) {}

Acceptance::~Acceptance() = default;

bool Acceptance::has_room(uint64_t size) const {
  uint64_t free = impl_->engine.free_space();
  return free >= kFreeSpaceMargin && size <= free - kFreeSpaceMargin;
}

bool Acceptance::full_is_permanent() const {
  return impl_->delivery.options().over_quota_is_permanent;
}

Task<Result<Verdict>> Acceptance::check(message::Address recipient, uint64_t size) {
  Result<Resolution> found = co_await impl_->directory.resolve(recipient.to_string());
  if (!found) co_return std::unexpected(found.error());
  if (found->kind == Resolution::remote) co_return Verdict::relay;
  if (found->kind == Resolution::unknown) co_return Verdict::unknown_user;
  if (!found->remote_targets.empty()) co_return Verdict::accepted;

  Verdict verdict = Verdict::unknown_user;
  for (const auto& target : found->local) {
    Result<void> takes = co_await impl_->delivery.check(target, size);
    if (takes) co_return Verdict::accepted;
    switch (takes.error().kind) {
      case FaultKind::over_quota:
        verdict = Verdict::over_quota;
        break;
      case FaultKind::policy:
        if (verdict == Verdict::unknown_user) verdict = Verdict::disabled;
        break;
      case FaultKind::not_found:
        break;
      default:
        log::warn("letter.check_failed", {{"account", target.account}, {"why", takes.error().what}});
        co_return Verdict::try_later;
    }
  }
  co_return verdict;
}

std::unique_ptr<Letter> Acceptance::begin(Envelope envelope) {
  return std::unique_ptr<Letter>(new Letter(std::make_unique<Letter::Impl>(*impl_, std::move(envelope))));
}

}  // namespace posthouse::acceptance
