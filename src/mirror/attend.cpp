// What goes on in a server without being asked: the outbox is tried again, and changes by others are noticed.
#include <algorithm>

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
  Result<Held> held = co_await hold(which.first);
  if (!held) co_return unless_it_left(which.first, held.error());
  Account& account = *held->account;
  co_await watch(account, which.second, false);
  Result<void> done = co_await look_into(account, which.second);
  co_return done;
}

Task<Result<void>> Mirror::Impl::look_with_turn(AccountId id, MailboxId mailbox, bool last, bool& unread) {
  unread = false;
  Result<Held> held = co_await hold(id);
  if (!held) co_return unless_it_left(id, held.error());
  Account& account = *held->account;
  co_await watch(account, mailbox, true);
  // Each of our own changes to a Maildir looks like one by others. What others change meanwhile is noticed by
  // inotify, or by the next look.
  if (rests(account, mailbox)) co_return Result<void>();
  Result<void> done = co_await look_into(account, mailbox);
  unread = account.states[mailbox].empty() && !account.waited_for.contains(mailbox);
  if (!done && last) account.waited_for.insert(mailbox);
  co_return done;
}

// The index answers; what is in the file comes as soon as its lock goes. But for a mailbox that was never
// read the first session waits a little: UIDs and UIDVALIDITY of the file are to be known before anybody gets
// others.
Task<Result<void>> Mirror::Impl::look_for_session(AccountId id, MailboxId mailbox) {
  for (int naps = kNapsToOpen;;) {
    bool unread = false;
    Result<void> done = co_await look_with_turn(id, mailbox, naps == 0, unread);
    const bool locked = !done && done.error().kind == FaultKind::temporary;
    if (!locked) co_return done;
    bool again = unread;
    if (again) again = co_await never_had_messages({id, mailbox});
    if (again) again = co_await nap_if_locked(done.error(), naps);
    if (again) continue;
    look_later({id, mailbox});
    co_return Result<void>();
  }
}

void Mirror::Impl::look_later(Watcher::Which which) {
  const std::lock_guard lock(accounts_mutex);
  if (attended == nullptr) return;
  attended->post(
      [self = shared_from_this(), loop = attended, which] { spawn(look_beside(self, *loop, which)); });
}

Task<bool> Mirror::Impl::never_had_messages(Watcher::Which which) {
  Result<std::optional<std::string>> record =
      co_await engine.fetch(store::account_partition(which.first), store::mailbox_key(which.second));
  if (!record || !*record) co_return false;
  const Result<store::MailboxRow> row = store::decode_mailbox(which.second, **record);
  co_return row && row->uid_next == 1;
}

std::optional<MailboxId> Mirror::Impl::next_to_look(AccountId id) {
  const std::lock_guard lock(looking_mutex);
  Looking& wanted = looking[id];
  if (wanted.now.empty() && wanted.locked.empty()) {
    looking.erase(id);
    return std::nullopt;
  }
  if (wanted.now.empty()) {
    wanted.now.swap(wanted.locked);
    return 0;
  }
  const MailboxId next = *wanted.now.begin();
  wanted.now.erase(wanted.now.begin());
  return next;
}

// Of an account one mailbox after the other, beside other accounts: a file that another program keeps locked
// holds up no other. Changes that come quickly one after the other are looked at together, and looking takes
// at most a quarter of the time.
Task<void> Mirror::Impl::look_beside(std::shared_ptr<Impl> self, net::Loop& loop, Watcher::Which which) {
  const AccountId id = which.first;
  {
    const std::lock_guard lock(self->looking_mutex);
    const auto [wanted, first] = self->looking.try_emplace(id);
    wanted->second.now.insert(which.second);
    if (!first) co_return;
  }
  while (const std::optional<MailboxId> next = self->next_to_look(id)) {
    if (self->ending) co_return;
    milliseconds pause = kLookAgain;  // all that are left were locked
    if (*next != 0) {
      which.second = *next;
      const SteadyTime begin = self->clock.steady();
      ++self->at_work;
      const Result<void> seen = co_await self->look_unasked(which);
      --self->at_work;
      if (!seen) log::debug("mirror.unseen", {{"account", format_id(id)}, {"what", seen.error().what}});
      const auto took = std::chrono::duration_cast<milliseconds>(self->clock.steady() - begin);
      pause = std::min<milliseconds>(kRestAfterLook * took, kLongestPause);
      if (!seen && seen.error().kind == FaultKind::temporary) {
        const std::lock_guard lock(self->looking_mutex);
        self->looking[id].locked.insert(*next);
        pause = milliseconds(0);
      }
    }
    const Result<void> slept = co_await loop.sleep(pause);
    if (!slept) co_return;
  }
}

Task<void> Mirror::Impl::follow(std::shared_ptr<Impl> self, net::Loop& loop, int fd) {
  net::Descriptor descriptor(loop, fd);
  for (;;) {
    net::Descriptor::Awaiter readable = descriptor.wait_readable();
    const Result<void> ready = co_await readable;
    if (!ready) co_return;
    descriptor.drained();
    for (const Watcher::Which& which : self->watcher.take_changed()) spawn(look_beside(self, loop, which));
    const Result<void> slept = co_await loop.sleep(kQuiet);
    if (!slept) co_return;
  }
}

// One of several that carry out what waits.
Task<void> Mirror::Impl::carry_out_some(std::shared_ptr<Impl> self) {
  for (;;) {
    AccountId id = 0;
    {
      const std::lock_guard lock(self->accounts_mutex);
      if (self->waiting.empty() || self->ending) {
        --self->carriers;
        co_return;
      }
      id = *self->waiting.begin();
      self->waiting.erase(self->waiting.begin());
    }
    ++self->at_work;
    Result<void> done = co_await self->take_turn_and_carry_out(id);
    --self->at_work;
    if (done || done.error().kind == FaultKind::not_found) continue;
    const std::lock_guard lock(self->accounts_mutex);
    self->later.insert(id);
  }
}

Task<Result<void>> Mirror::Impl::take_turn_and_carry_out(AccountId id) {
  Result<Held> held = co_await hold(id);
  if (!held) co_return unless_it_left(id, held.error());
  Result<void> done = co_await carry_out(*held->account);
  co_return done;
}

bool Mirror::Impl::finish_behind(Held& held, Round& round) {
  if (round.part || round.effects.empty() || held.account->kept_back.any()) return false;
  for (const Effect& effect : round.effects) {
    if (!effect.done) return false;  // somebody wants to know that
  }
  const std::lock_guard lock(accounts_mutex);
  if (attended == nullptr) return false;
  struct Left {
    Held held;
    Round round;
  };
  auto left = std::make_shared<Left>(std::move(held), std::move(round));
  ++at_work;
  attended->post([self = shared_from_this(), left = std::move(left)]() mutable {
    spawn(finish_round(std::move(self), std::move(left->held), std::move(left->round)));
  });
  return true;
}

Task<void> Mirror::Impl::finish_round(std::shared_ptr<Impl> self, Held held, Round round) {
  const AccountId id = held.account->id;
  const Result<void> done = co_await self->carry_out(*held.account, std::move(round));
  if (!done && done.error().kind != FaultKind::not_found) {
    const std::lock_guard lock(self->accounts_mutex);
    self->waiting.insert(id);
  }
  --self->at_work;
}

Task<bool> Mirror::Impl::carry_out_told(AccountId id) {
  size_t told = 0;
  {
    const std::lock_guard lock(accounts_mutex);
    told = behind[id];
  }
  Result<void> done = co_await take_turn_and_carry_out(id);
  const std::lock_guard lock(accounts_mutex);
  size_t& left = behind[id];
  left -= std::min(told, left);
  if (done && left > 0) co_return true;
  if (!done && done.error().kind != FaultKind::not_found) later.insert(id);
  behind.erase(id);
  co_return false;
}

// Changes that come one after the other share the flushes of the files. Where many wait there is company
// enough.
Task<void> Mirror::Impl::carry_out_behind(std::shared_ptr<Impl> self, net::Loop& loop, AccountId id) {
  for (bool more = true; more;) {
    const Result<void> slept = co_await loop.sleep(self->has_many_behind(id) ? milliseconds(0) : kGather);
    if (!slept) co_return;
    more = co_await self->carry_out_told(id);
  }
}

bool Mirror::Impl::has_many_behind(AccountId id) {
  const std::lock_guard lock(accounts_mutex);
  const auto known = behind.find(id);
  return known != behind.end() && known->second >= kGathered;
}

bool Mirror::Impl::is_behind() {
  const std::lock_guard lock(accounts_mutex);
  return !behind.empty();
}

bool Mirror::Impl::is_behind(AccountId id) {
  const std::lock_guard lock(accounts_mutex);
  return behind.contains(id);
}

Task<Result<void>> Mirror::follow(AccountId id, size_t changes) {
  const std::shared_ptr<Impl> impl = impl_;
  net::Loop* loop = nullptr;
  bool first = false, much = false;
  {
    const std::lock_guard lock(impl->accounts_mutex);
    loop = impl->attended;
    if (loop != nullptr) {
      const auto [entry, is_first] = impl->behind.try_emplace(id, 0);
      first = is_first;
      entry->second += changes;
      much = entry->second > kMostBehind;
    }
  }
  if (first) loop->post([impl, loop, id] { spawn(Impl::carry_out_behind(impl, *loop, id)); });
  if (loop != nullptr && !much) co_return Result<void>();
  Result<void> done = co_await carry_out(id);
  co_return done;
}

Task<void> Mirror::finish(SteadyTime until) {
  const std::shared_ptr<Impl> impl = impl_;
  net::Loop* loop = nullptr;
  impl->ending = true;
  {
    const std::lock_guard lock(impl->accounts_mutex);
    loop = std::exchange(impl->attended, nullptr);
  }
  const auto busy = [&] { return impl->is_behind() || impl->at_work > 0; };
  while (loop != nullptr && busy() && impl->clock.steady() < until) {
    const Result<void> slept = co_await loop->sleep(kGather);
    if (!slept) break;
  }
  impl->waiters.close();
}

void Mirror::Impl::carry_out_waiting(const std::shared_ptr<Impl>& self) {
  size_t more = 0;
  {
    const std::lock_guard lock(self->accounts_mutex);
    self->waiting.merge(self->later);
    self->later.clear();
    more = std::min(self->waiting.size(), kCarriers - self->carriers);
    self->carriers += more;
  }
  for (; more > 0; --more) spawn(carry_out_some(self));
}

Task<void> Mirror::attend(net::Loop& loop) {
  const std::shared_ptr<Impl> impl = impl_;
  const Result<int> fd = impl->watcher.open();
  if (fd) {
    spawn(Impl::follow(impl, loop, *fd));
  } else {
    log::warn("mirror.no_inotify", {{"what", fd.error().what}});
  }
  {
    const std::lock_guard lock(impl->accounts_mutex);
    impl->attended = &loop;
  }
  SteadyTime looked = impl->clock.steady();
  for (;;) {
    Impl::carry_out_waiting(impl);
    const SteadyTime now = impl->clock.steady();
    const bool at_all = now - looked >= kLookAtAllEvery;
    if (at_all) looked = now;
    const std::vector<Watcher::Which> unasked = at_all ? impl->watcher.all() : impl->watcher.polled();
    for (const Watcher::Which& which : unasked) spawn(Impl::look_beside(impl, loop, which));
    Result<void> slept = co_await loop.sleep(kRetryEvery);
    if (!slept) break;
  }
  const std::lock_guard lock(impl->accounts_mutex);
  impl->attended = nullptr;
}

}  // namespace posthouse::mirror
