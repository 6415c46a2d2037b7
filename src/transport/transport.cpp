#include "transport/transport.h"

#include "base/ascii.h"
#include "base/id.h"
#include "base/log.h"
#include "transport/impl.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

Surroundings surroundings_of(const Options& options) {
  Surroundings out;
  out.own_name = to_lower(options.hostname);
  out.own_addresses = options.own_addresses;
  out.allow_own = options.allow_loopback;
  out.port = options.port;
  return out;
}

RetryPolicy policy_of(const Options& options) {
  RetryPolicy out;
  out.after = options.retry_after.empty() ? default_retry_schedule() : options.retry_after;
  out.warn_after = options.warn_after;
  return out;
}

// Where the pump waits for something to do.
struct PumpWait {
  Transport::Impl& impl;
  bool await_ready() const noexcept { return impl.pump_called || impl.stopping; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { impl.pump_waits = self; }
  void await_resume() const noexcept {}
};

}  // namespace

Metrics::Metrics()
    : sent("posthouse_transport_recipients_total", "Recipients by what became of them", {{"result", "sent"}}),
      deferred("posthouse_transport_recipients_total", "Recipients by what became of them",
               {{"result", "deferred"}}),
      bounced("posthouse_transport_recipients_total", "Recipients by what became of them",
              {{"result", "bounced"}}),
      connections("posthouse_transport_connections", "Connections to other hosts") {}

AtWork::AtWork(std::shared_ptr<Transport::Impl> impl) : impl_(std::move(impl)) {
  ++impl_->at_work;
}

AtWork::~AtWork() {
  --impl_->at_work;
}

Transport::Impl::Impl(net::Loop& l, queue::Queue& q, acceptance::Acceptance& a, std::shared_ptr<Means> m)
    : loop(l),
      queue(q),
      means(std::move(m)),
      policy(policy_of(means->options)),
      notices(means->engine, a, means->clock, means->random,
              {means->options.hostname, means->options.postmaster_domain, means->options.default_domain}) {}

Transport::Transport(net::Loop& loop, queue::Queue& queue, acceptance::Acceptance& acceptance,
                     engine::Engine& engine, net::Resolver& resolver,
                     std::shared_ptr<const net::TlsContext> tls, const Clock& clock, Random& random,
                     Options options) {
  const Surroundings surroundings = surroundings_of(options);
  std::shared_ptr<Connector> connector = options.connector ? options.connector : tcp_connector();
  auto means = std::shared_ptr<Means>(new Means{.engine = engine,
                                                .resolver = resolver,
                                                .tls = std::move(tls),
                                                .clock = clock,
                                                .random = random,
                                                .options = std::move(options),
                                                .connector = std::move(connector),
                                                .surroundings = surroundings,
                                                .hosts = {},
                                                .streams = {}});
  impl_ = std::make_shared<Impl>(loop, queue, acceptance, std::move(means));
}

Transport::~Transport() {
  impl_->watch.reset();
  impl_->stopping = true;
  impl_->means->cut_off();
}

void Transport::start() {
  impl_->start();
}

void Transport::Impl::start() {
  if (running || stopping) return;
  running = true;
  watch = queue.watch([weak = weak_from_this(), flag = signalled, on = &loop] {
    // From the engine's thread, at every commit: one post at a time is enough.
    if (flag->exchange(true)) return;
    on->post([weak, flag] {
      flag->store(false);
      if (const auto self = weak.lock()) self->call_pump();
    });
  });
  spawn(pump(shared_from_this()));
  spawn(tick(shared_from_this()));
}

void Transport::wake() {
  impl_->pump_rests_until = {};
  // Somebody wants it to be tried now, so destinations that were given up for the moment get a chance.
  for (const auto& [key, d] : impl_->destinations) d->closed_until = {};
  impl_->on_tick();
  impl_->call_pump();
}

void Transport::Impl::call_pump() {
  pump_called = true;
  if (pump_waits) loop.post(std::exchange(pump_waits, nullptr));
}

bool Transport::Impl::has_room() const {
  return letters_ready + kLeaseBatch / 4 <= kReadyLetters && recipients_ready < kReadyRecipients &&
         putting_off < kPuttingOff && unrecorded == 0;
}

Task<void> Transport::Impl::pump(std::shared_ptr<Impl> self) {
  const AtWork working(self);
  while (!self->stopping) {
    self->pump_called = false;
    bool drained = true;
    const bool rests = self->steady() < self->pump_rests_until;
    if (!rests && self->has_room()) drained = co_await pump_once(self);
    if (self->stopping) break;
    if (!drained && self->has_room()) continue;
    // While letters are under way every commit of theirs calls: what is new meanwhile is taken together.
    if (self->letters_ready != 0) {
      Result<void> slept = co_await self->loop.sleep(kPumpPause);
      if (!slept) break;
    }
    PumpWait wait{*self};
    co_await wait;
  }
}

// Takes one batch. True when there is nothing more to take now.
Task<bool> Transport::Impl::pump_once(std::shared_ptr<Impl> self) {
  const size_t most = std::min(kLeaseBatch, kReadyLetters - self->letters_ready);
  self->next_due.reset();
  self->next_due_known = false;
  auto letters = co_await self->queue.lease(self->now(), most);
  if (self->stopping) co_return true;
  if (!letters) {
    log::warn("transport.queue_unreadable", {{"what", letters.error().what}});
    self->pump_rests_until = self->steady() + kRecordRetryFirst;
    co_return true;
  }
  const bool drained = letters->size() < most;
  for (queue::Letter& letter : *letters) self->dispatch(std::move(letter));
  if (!drained) co_return false;
  if (self->letters_ready != 0) co_return true;  // it is asked for when these are done, or by the tick
  auto next = co_await self->queue.next_due();
  if (!next || self->stopping) co_return true;
  self->next_due = *next;
  self->next_due_known = true;
  co_return true;
}

// Times are looked at now and then, not by a timer each: the clock may be set, and there may be thousands.
Task<void> Transport::Impl::tick(std::shared_ptr<Impl> self) {
  while (!self->stopping) {
    Result<void> slept = co_await self->loop.sleep(kTick);
    if (!slept || self->stopping) co_return;
    self->on_tick();
  }
}

void Transport::Impl::on_tick() {
  if (!running || stopping) return;
  const SteadyTime at = steady();
  expire_idle(at);
  const bool rested = pump_rests_until != SteadyTime{} && at >= pump_rests_until;
  if (rested) pump_rests_until = {};
  if (rested || !next_due_known || (next_due && *next_due <= now())) call_pump();
  if (at < forget_at) return;
  forget_at = at + kForgetEvery;
  forget_destinations();
}

Task<void> Transport::stop(SteadyTime deadline) {
  const std::shared_ptr<Impl> impl = impl_;
  impl->stopping = true;
  impl->watch.reset();
  impl->call_pump();
  impl->expire_idle(SteadyTime::max());
  // Couriers without a connection (they ask for addresses, or connect) send nothing yet: no need to wait for
  // them.
  const auto is_sending = [&] { return impl->at_work != 0 || !impl->means->streams.empty(); };
  while (is_sending() && impl->steady() < deadline) {
    Result<void> slept = co_await impl->loop.sleep(milliseconds(5));
    if (!slept) break;
  }
  const bool in_time = !is_sending();
  impl->means->cut_off();
  impl->means->resolver.give_up();
  // What was cut off ends within a few turns of the loop; a connection being made may stay behind, it holds
  // nothing.
  for (int turn = 0; turn < 50 && impl->at_work + impl->couriers != 0; ++turn) {
    Result<void> slept = co_await impl->loop.sleep(milliseconds(5));
    if (!slept) break;
  }
  log::info("transport.stopped", {{"in_time", in_time}});
}

Task<Result<Told>> Transport::bounce(queue::LetterId id) {
  const std::shared_ptr<Impl> impl = impl_;
  const AtWork working(impl);
  for (int tries = 0; !impl->queue.lease_one(id); ++tries) {
    if (tries == kBounceTries) co_return fail(FaultKind::temporary, "the letter is being sent just now");
    Result<void> slept = co_await impl->loop.sleep(kBouncePause);
    if (!slept || impl->stopping) co_return fail(FaultKind::closed, "stopped");
  }
  Result<Told> told = co_await Impl::return_letter(impl, id);
  if (!impl->means->cut) impl->queue.give_back(id);
  co_return told;
}

Task<Result<Told>> Transport::Impl::return_letter(std::shared_ptr<Impl> self, queue::LetterId id) {
  auto letter = co_await self->queue.find(id);
  if (!letter) co_return std::unexpected(letter.error());
  if (!*letter) co_return fail(FaultKind::not_found, "no letter " + format_id(id) + " in the queue");
  const Answer answer = own_answer(554, "5.0.0", "returned by the operator");
  std::vector<Finding> findings;
  for (const queue::Recipient& r : (*letter)->recipients) {
    if (r.state == queue::RecipientState::waiting || r.state == queue::RecipientState::held)
      findings.push_back(judge(**letter, r, answer, self->now(), {}, {}));
  }
  Result<Told> told = co_await tell(self, **letter, findings);
  if (told) self->note_findings(**letter, findings);
  co_return told;
}

}  // namespace posthouse::transport
