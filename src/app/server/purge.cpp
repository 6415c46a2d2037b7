// Expunged letters whose time is over are removed for good, a few at a time.
#include <algorithm>
#include <utility>

#include "app/limits.h"
#include "app/server/server_impl.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metrics.h"

namespace posthouse::app {
namespace {

struct Gauges {
  metrics::Counter messages{"posthouse_store_purged_messages_total",
                            "Expunged letters that were removed for good."};
  metrics::Counter bytes{"posthouse_store_purged_bytes_total", "Octets of those letters."};
  metrics::Gauge accounts_left{"posthouse_store_purge_accounts_left",
                               "Accounts that the purge under way has still to look at."};
};

// With nothing to be kept there is nothing to come.
milliseconds pause_of(seconds keep) {
  if (keep == seconds(0)) return kPurgeLatest;
  return std::clamp<milliseconds>(milliseconds(keep) / 20, kPurgeSoonest, kPurgeLatest);
}

// One look at all accounts, for letters that were expunged `keep` ago.
class Purge {
 public:
  Purge(Core& core, net::Loop& loop, const Gauges& gauges, uint64_t rate, seconds keep)
      : core_(core),
        loop_(loop),
        gauges_(gauges),
        rate_(rate),
        together_(std::clamp<size_t>(rate / 10, 1, kPurgeTogether)),
        before_(core.clock.now() - keep),
        tell_from_(core.clock.steady() + kPurgeTold) {}

  // Ends once so many bytes were removed.
  Task<void> run(const bool& stopping, uint64_t enough = UINT64_MAX);
  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Task<bool> part(uint64_t account, const bool& stopping);
  void tell(const char* event) const {
    log::info(event, {{"letters", messages_}, {"bytes", bytes_}, {"accounts_left", left_}});
  }

  Core& core_;
  net::Loop& loop_;
  const Gauges& gauges_;
  uint64_t rate_;
  size_t together_;
  SystemTime before_;
  SteadyTime tell_from_;
  uint64_t messages_ = 0, bytes_ = 0;
  size_t left_ = 0;
};

// One transaction, and the rest that the rate asks for; true: there may be more.
Task<bool> Purge::part(uint64_t account, const bool& stopping) {
  auto gone = co_await core_.store.purge_kept(account, before_, together_);
  if (!gone) {
    log::warn("store.purge_failed", {{"account", format_id(account)}, {"reason", gone.error().what}});
    co_return false;
  }
  messages_ += gone->messages;
  bytes_ += gone->bytes;
  gauges_.messages.add(static_cast<double>(gone->messages));
  gauges_.bytes.add(static_cast<double>(gone->bytes));
  if (gone->messages == 0) co_return false;
  if (core_.clock.steady() >= tell_from_) {
    tell_from_ = core_.clock.steady() + kPurgeTold;
    tell("store.purging");
  }
  auto slept = co_await loop_.sleep(milliseconds(gone->messages * 1000 / rate_));
  co_return slept && !stopping && gone->messages == together_;
}

Task<void> Purge::run(const bool& stopping, uint64_t enough) {
  auto accounts = co_await core_.store.accounts_with_kept();
  if (!accounts) {
    log::warn("store.purge_failed", {{"reason", accounts.error().what}});
    co_return;
  }
  left_ = accounts->size();
  for (const uint64_t account : *accounts) {
    gauges_.accounts_left.set(static_cast<double>(left_));
    bool more = !stopping;
    while (more && bytes_ < enough) more = co_await part(account, stopping);
    if (stopping) co_return;
    --left_;
  }
  gauges_.accounts_left.set(0);
  if (messages_ != 0) tell("store.purged");
}

}  // namespace

// The rows of letters that are expunged already. Whoever expunged them is answered first.
Task<void> Server::Impl::finish_expunges() {
  finish_again_ = true;
  if (std::exchange(finishing_, true)) co_return;
  while (finish_again_ && !stopping_) {
    auto slept = co_await lanes_[0]->loop.sleep(kExpungePause);
    if (!slept) break;
    finish_again_ = false;
    auto done = co_await core_->store.finish_expunges();
    if (!done) log::warn("store.expunges_wait", {{"reason", done.error().what}});
  }
  finishing_ = false;
}

// Who marks all of a mailbox often does more with it at once; the files of an account are to follow soon.
Task<void> Server::Impl::finish_flags() {
  more_flags_ = true;
  if (std::exchange(flags_wait_, true)) co_return;
  for (int i = 0; i < kFlagsPauses && std::exchange(more_flags_, false); ++i) {
    auto slept = co_await lanes_[0]->loop.sleep(kFlagsPause);
    if (!slept || stopping_) co_return;
  }
  flags_wait_ = false;
  co_await finish_expunges();
}

// Who deletes letters on a full disk wants letters to come in again. The oldest go first: one look after the
// other for letters half as old.
Task<void> Server::Impl::purge_early() {
  const Gauges gauges;
  seconds keep = core_->keep_expunged;
  while (keep > seconds(0) && !stopping_) {
    keep /= 2;
    Purge purge(*core_, lanes_[0]->loop, gauges, config_.store.purge_rate, keep);
    co_await purge.run(stopping_, kPurgeEarly);
    if (purge.bytes() == 0) continue;
    log::warn("store.purged_early",
              {{"letters", purge.messages()}, {"bytes", purge.bytes()}, {"expunged_s_ago", keep.count()}});
    co_return;
  }
}

Task<void> Server::Impl::purge_expunged() {
  const Gauges gauges;
  milliseconds pause = kPurgeSoonest;
  while (true) {
    auto slept = co_await lanes_[0]->loop.sleep(pause);
    pause = pause_of(core_->keep_expunged);
    if (!slept || stopping_) co_return;
    Purge purge(*core_, lanes_[0]->loop, gauges, config_.store.purge_rate, core_->keep_expunged);
    co_await purge.run(stopping_);
    if (stopping_) co_return;
    if (purge.bytes() < kPurgeReclaim) continue;
    auto swept = co_await core_->store.sweep(false);
    auto reclaimed = co_await core_->engine.reclaim_space();
    if (!swept || !reclaimed) {
      const Fault& why = swept ? reclaimed.error() : swept.error();
      log::warn("server.space_not_reclaimed", {{"reason", why.what}});
    }
  }
}

}  // namespace posthouse::app
