// Who carries what: couriers (connections) are started, fed, left idle, and ended.
#include "transport/impl.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

struct IdleWait {
  Destination& destination;
  IdleCourier& me;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) {
    me.handle = self;
    destination.idle.push_back(&me);
  }
  void await_resume() const noexcept {}
};

}  // namespace

// Sees to it that as many couriers as sensible are at the destination's jobs.
void Transport::Impl::kick(const std::shared_ptr<Destination>& to) {
  if (stopping || unrecorded != 0) return;
  if (to->is_closed(steady())) put_off_jobs(*to);
  while (to->jobs.size() > to->waking && !to->idle.empty()) wake_idle(*to, *to->idle.back(), true);
  while (to->jobs.size() > to->waking && to->couriers < to->limit(options().max_per_destination)) {
    if (couriers >= options().max_connections) {
      if (!to->starving) starving.push_back(to);
      to->starving = true;
      evict_one_idle();
      break;
    }
    ++couriers;
    ++to->couriers;
    metrics.connections.set(couriers);
    spawn(run_courier(shared_from_this(), to));
  }
  if (to->jobs.size() < kJobsPerDestination / 2 && !to->parked.empty() && !to->refilling)
    spawn(refill(shared_from_this(), to));
}

// The destination was not to be reached a moment ago: its letters get that as their answer without a try.
void Transport::Impl::put_off_jobs(Destination& to) {
  const Answer& why = to.last_failure;
  Answer answer = own_answer(0, why.status, why.text);
  answer.host = why.host;
  while (to.jobs.size() > to.waking) {
    Job job = std::move(to.jobs.back());
    to.jobs.pop_back();
    std::vector<Answer> answers(job.recipients.size(), answer);
    finish_later(std::move(job), std::move(answers));
  }
}

void Transport::Impl::wake_idle(Destination& to, IdleCourier& idle, bool for_work) {
  to.idle.remove(&idle);
  idle.woken = for_work;
  if (for_work) ++to.waking;
  loop.post(idle.handle);
}

void Transport::Impl::expire_idle(SteadyTime when) {
  for (const auto& [key, d] : destinations) {
    while (!d->idle.empty() && d->idle.front()->until <= when) wake_idle(*d, *d->idle.front(), false);
  }
}

void Transport::Impl::evict_one_idle() {
  for (const auto& [key, d] : destinations) {
    if (d->idle.empty()) continue;
    wake_idle(*d, *d->idle.front(), false);
    return;
  }
}

void Transport::Impl::feed_starving() {
  while (!starving.empty() && couriers < options().max_connections) {
    const std::shared_ptr<Destination> next = starving.front();
    starving.pop_front();
    next->starving = false;
    kick(next);
  }
}

Task<void> Transport::Impl::run_courier(std::shared_ptr<Impl> self, std::shared_ptr<Destination> to) {
  {
    Courier courier(self->means, to);
    co_await serve(self, to, courier);
    co_await courier.retire();
  }
  --self->couriers;
  --to->couriers;
  self->metrics.connections.set(self->couriers);
  if (self->means->cut || self->stopping) co_return;
  self->feed_starving();
  self->kick(to);
}

Task<void> Transport::Impl::serve(std::shared_ptr<Impl> self, std::shared_ptr<Destination> to,
                                  Courier& courier) {
  while (!self->stopping && self->unrecorded == 0) {
    if (to->jobs.empty()) {
      // Others wait for a connection of theirs, or there is none to keep.
      if (!courier.connected() || !self->starving.empty()) co_return;
      IdleCourier idle;
      idle.until = self->steady() + self->options().connection_idle;
      IdleWait wait{*to, idle};
      co_await wait;
      if (!idle.woken) co_return;
      --to->waking;
      continue;
    }
    // After a failure a single one tries; those that were many before leave.
    if (!courier.connected() && to->couriers > to->limit(self->options().max_per_destination)) co_return;
    Job job = std::move(to->jobs.front());
    to->jobs.pop_front();
    Carried carried = co_await courier.carry(job);
    if (self->means->cut) co_return;  // stays in the queue as it was
    if (carried.crowded) {
      to->jobs.push_front(std::move(job));
      to->crowded();
      co_return;
    }
    self->finish_later(std::move(job), std::move(carried.answers));
    self->kick(to);
    if (!courier.is_tired()) continue;
    co_await courier.retire();
    if (!self->starving.empty()) co_return;
  }
}

}  // namespace posthouse::transport
