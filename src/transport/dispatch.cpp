// Letters taken from the queue become jobs of destinations.
#include "base/log.h"
#include "transport/impl.h"
#include "transport/limits.h"

namespace posthouse::transport {

std::string Transport::Impl::routing_key(const queue::Recipient& recipient) const {
  return options().smarthost ? options().smarthost->host : recipient.domain;
}

std::shared_ptr<Destination> Transport::Impl::destination(const std::string& key) {
  std::shared_ptr<Destination>& slot = destinations[key];
  if (!slot) {
    slot = std::make_shared<Destination>();
    slot->key = key;
  }
  return slot;
}

void Transport::Impl::forget_destinations() {
  const bool full = destinations.size() > kMaxRemembered;
  const SteadyTime at = steady();
  std::erase_if(destinations, [&](const auto& entry) {
    const Destination& d = *entry.second;
    return d.unused() && !d.starving && (full || (d.is_plain(at) && at >= d.route_until));
  });
}

void Transport::Impl::dispatch(queue::Letter letter) {
  const SystemTime at = now();
  letter.expires = std::min(letter.expires, letter.accepted + options().expire_after);
  std::map<std::string, std::vector<queue::Recipient>> groups;
  for (queue::Recipient& r : letter.recipients) {
    if (r.state == queue::RecipientState::waiting && r.next_attempt <= at)
      groups[routing_key(r)].push_back(r);
  }
  if (groups.empty()) {
    queue.give_back(letter.id);
    return;
  }
  if (groups.size() == 1) {
    Destination& only = *destination(groups.begin()->first);
    if (only.jobs.size() >= kJobsPerDestination && !only.is_closed(steady())) {
      if (!park(only, letter.id)) spawn(put_off(shared_from_this(), std::move(letter)));
      return;
    }
  }
  auto parcel = std::make_shared<Parcel>();
  letter.recipients.clear();
  parcel->letter = std::move(letter);
  std::vector<std::shared_ptr<Destination>> to;
  for (auto& [key, recipients] : groups) {
    to.push_back(destination(key));
    parcel->recipients += recipients.size();
    for (size_t begin = 0; begin < recipients.size(); begin += kRecipientsPerTransaction) {
      const size_t end = std::min(recipients.size(), begin + kRecipientsPerTransaction);
      Job job{parcel, {}};
      for (size_t i = begin; i < end; ++i) job.recipients.push_back(std::move(recipients[i]));
      to.back()->jobs.push_back(std::move(job));
      ++parcel->open_jobs;
    }
  }
  ++letters_ready;
  recipients_ready += parcel->recipients;
  for (const auto& d : to) kick(d);
}

bool Transport::Impl::park(Destination& to, queue::LetterId id) {
  if (parked_letters >= options().max_parked) return false;
  to.parked.push_back(id);
  ++parked_letters;
  return true;
}

// There are more letters for slow destinations than we care to remember: these come back later, and let
// others pass.
Task<void> Transport::Impl::put_off(std::shared_ptr<Impl> self, queue::Letter letter) {
  const AtWork working(self);
  ++self->putting_off;
  queue::Queue::Outcome outcome;
  outcome.id = letter.id;
  const auto jitter = self->means->random.below(static_cast<uint64_t>(kPutOff.count()) * 1000);
  for (queue::Recipient& r : letter.recipients) {
    if (r.state != queue::RecipientState::waiting) continue;
    r.next_attempt = std::max(r.next_attempt, self->now() + kPutOff + milliseconds(jitter));
    outcome.recipients.push_back(std::move(r));
  }
  const queue::LetterId id = letter.id;
  const bool done = co_await record(self, std::move(outcome));
  if (done || !self->means->cut) self->queue.give_back(id);
  if (self->putting_off-- == kPuttingOff) self->call_pump();  // it waited for that
}

Task<void> Transport::Impl::refill(std::shared_ptr<Impl> self, std::shared_ptr<Destination> to) {
  const AtWork working(self);
  to->refilling = true;
  for (size_t n = 0; n < kParkedBatch && !to->parked.empty() && !self->stopping; ++n) {
    const queue::LetterId id = to->parked.front();
    to->parked.pop_front();
    --self->parked_letters;
    auto letter = co_await self->queue.find(id);
    if (self->means->cut) break;
    if (letter && *letter) {
      self->dispatch(std::move(**letter));
    } else {
      self->queue.give_back(id);  // removed meanwhile, or unreadable: the queue looks after that
    }
  }
  to->refilling = false;
}

void Transport::Impl::job_done(const std::shared_ptr<Parcel>& parcel) {
  if (--parcel->open_jobs != 0) return;
  queue.give_back(parcel->letter.id);
  const bool had_room = has_room();
  --letters_ready;
  recipients_ready -= parcel->recipients;
  if ((!had_room && has_room()) || letters_ready == 0) call_pump();
}

}  // namespace posthouse::transport
