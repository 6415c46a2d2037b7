// What goes on in a server without being asked: the outbox is tried again, and changes by others are noticed.
#include "mirror/impl.h"
#include "net/descriptor.h"
#include "net/loop.h"

namespace posthouse::mirror {

// Before the look, so that nothing comes between.
Task<void> Mirror::Impl::watch(Account& account, MailboxId mailbox, bool by_session) {
  const Watcher::Which which(account.id, mailbox);
  if (!watcher.wants(which, by_session)) co_return;
  Result<std::string> name = co_await mailbox_name(account.id, mailbox);
  if (!name) co_return;
  Driver& driver = *account.driver;
  co_await offload(files, [&] { watcher.add(which, driver.watched(*name)); });
}

Task<Result<void>> Mirror::Impl::look_unasked(Watcher::Which which) {
  Result<std::shared_ptr<Account>> account = co_await this->account(which.first);
  if (!account) co_return std::unexpected(account.error());
  const Turnstile::Turn turn = co_await (*account)->turns.take();
  co_await watch(**account, which.second, false);
  Result<void> done = co_await look_into(**account, which.second);
  co_return done;
}

// Changes that come quickly one after the other are looked at together. Looking takes at most a quarter of
// the time.
Task<void> Mirror::Impl::follow(std::shared_ptr<Impl> self, net::Loop& loop, int fd) {
  net::Descriptor descriptor(loop, fd);
  for (;;) {
    net::Descriptor::Awaiter readable = descriptor.wait_readable();
    const Result<void> ready = co_await readable;
    if (!ready) co_return;
    descriptor.drained();
    const SteadyTime begin = self->clock.steady();
    for (const Watcher::Which& which : self->watcher.take_changed()) {
      const Result<void> seen = co_await self->look_unasked(which);
      if (!seen)
        log::debug("mirror.unseen", {{"account", format_id(which.first)}, {"what", seen.error().what}});
    }
    const auto took = std::chrono::duration_cast<milliseconds>(self->clock.steady() - begin);
    const Result<void> slept = co_await loop.sleep(std::max<milliseconds>(kQuiet, kRestAfterLook * took));
    if (!slept) co_return;
  }
}

Task<void> Mirror::Impl::carry_out_waiting(Mirror& mirror) {
  std::unordered_set<AccountId> now;
  {
    const std::lock_guard lock(accounts_mutex);
    now.swap(waiting);
  }
  for (const AccountId id : now) {
    Result<void> done = co_await mirror.carry_out(id);
    if (!done && done.error().kind != FaultKind::not_found) mirror.carry_out_soon(id);
  }
}

Task<void> Mirror::attend(net::Loop& loop) {
  const std::shared_ptr<Impl> impl = impl_;
  const Result<int> fd = impl->watcher.open();
  if (fd) {
    spawn(Impl::follow(impl, loop, *fd));
  } else {
    log::warn("mirror.no_inotify", {{"what", fd.error().what}});
  }
  SteadyTime looked = impl->clock.steady();
  for (;;) {
    co_await impl->carry_out_waiting(*this);
    const SteadyTime now = impl->clock.steady();
    const bool at_all = now - looked >= kLookAtAllEvery;
    if (at_all) looked = now;
    const std::vector<Watcher::Which> unasked = at_all ? impl->watcher.all() : impl->watcher.polled();
    for (const Watcher::Which& which : unasked) {
      const Result<void> seen = co_await impl->look_unasked(which);
      if (!seen)
        log::debug("mirror.unseen", {{"account", format_id(which.first)}, {"what", seen.error().what}});
    }
    Result<void> slept = co_await loop.sleep(kRetryEvery);
    if (!slept) co_return;
  }
}

}  // namespace posthouse::mirror
