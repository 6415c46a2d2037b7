// What came of a job is judged, told and written down.
#include "base/ascii.h"
#include "base/id.h"
#include "base/log.h"
#include "transport/impl.h"
#include "transport/limits.h"

namespace posthouse::transport {

namespace {

const char* event_of(Fate fate) {
  switch (fate) {
    case Fate::delivered:
      return "letter.sent";
    case Fate::failed:
      return "letter.bounced";
    case Fate::deferred:
      break;
  }
  return "letter.deferred";
}

void log_finding(const queue::Letter& letter, const Finding& finding, SystemTime now) {
  if (!log::enabled(log::Level::info)) return;
  const double delay = static_cast<double>((now - letter.accepted).count()) / 1000;
  log::info(event_of(finding.fate), {{"qid", format_id(letter.id)},
                                     {"from", letter.reverse_path},
                                     {"to", finding.recipient.address},
                                     {"host", finding.answer.host},
                                     {"code", finding.answer.code},
                                     {"status", finding.recipient.last_status},
                                     {"delay", delay},
                                     {"tls", finding.answer.tls},
                                     {"reply", finding.answer.text}});
}

// The sender of such a notice is ourselves: no other notice would help.
bool is_for_postmaster(const Finding& finding) {
  return istarts_with(finding.recipient.address, "postmaster@") ||
         istarts_with(finding.recipient.original, "postmaster");
}

// Whether trying later may help.
bool is_passing(const Fault& fault) {
  return fault.kind == FaultKind::temporary || fault.kind == FaultKind::no_space ||
         fault.kind == FaultKind::io || fault.kind == FaultKind::over_quota ||
         fault.kind == FaultKind::timeout || fault.kind == FaultKind::closed;
}

std::vector<Finding> select(const std::vector<Finding>& findings, bool (*wanted)(const Finding&)) {
  std::vector<Finding> out;
  std::copy_if(findings.begin(), findings.end(), std::back_inserter(out), wanted);
  return out;
}

bool has_failed(const Finding& f) {
  return f.fate == Fate::failed;
}

bool is_late(const Finding& f) {
  return f.warn;
}

}  // namespace

void Transport::Impl::finish_later(Job job, std::vector<Answer> answers) {
  spawn(finish(shared_from_this(), std::move(job), std::move(answers)));
}

Task<void> Transport::Impl::finish(std::shared_ptr<Impl> self, Job job, std::vector<Answer> answers) {
  const AtWork working(self);
  std::vector<Finding> findings = self->judge_all(job, answers);
  co_await settle(self, job.parcel->letter, std::move(findings));
  if (!self->means->cut) self->job_done(job.parcel);
}

std::vector<Finding> Transport::Impl::judge_all(const Job& job, const std::vector<Answer>& answers) {
  uint32_t attempts = 0;
  for (const queue::Recipient& r : job.recipients) attempts = std::max(attempts, r.attempts + 1);
  // One wait for all, so that they go in one transaction again.
  const bool retried =
      std::any_of(answers.begin(), answers.end(), [](const Answer& a) { return a.temporary(); });
  const milliseconds delay = retried ? retry_delay(policy, attempts, means->random) : milliseconds{};
  std::vector<Finding> out;
  for (size_t i = 0; i < job.recipients.size(); ++i)
    out.push_back(judge(job.parcel->letter, job.recipients[i], answers[i], now(), delay, policy.warn_after));
  return out;
}

Task<void> Transport::Impl::settle(std::shared_ptr<Impl> self, queue::Letter letter,
                                   std::vector<Finding> findings) {
  Notices notices;
  const bool to_tell = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& f) { return has_failed(f) || is_late(f); });
  if (to_tell) co_await write_notices(self, letter, findings, notices);
  if (self->means->cut) co_return;
  queue::Queue::Outcome outcome;
  outcome.id = letter.id;
  outcome.also = std::move(notices.steps);
  for (const Finding& f : findings) {
    outcome.recipients.push_back(f.recipient);
    log_finding(letter, f, self->now());
    const Metrics& m = self->metrics;
    (f.fate == Fate::delivered ? m.sent : f.fate == Fate::failed ? m.bounced : m.deferred).add();
  }
  const bool done = co_await record(self, std::move(outcome));
  if (done) notices.committed();
}

Task<void> Transport::Impl::write_notices(std::shared_ptr<Impl> self, queue::Letter letter,
                                          std::vector<Finding>& findings, Notices& out) {
  const std::vector<Finding> late = select(findings, is_late);
  if (!late.empty() && !letter.reverse_path.empty()) {
    Notices warning;
    Result<void> warned = co_await self->notices.report(letter, late, warning);
    if (warned) {
      out = std::move(warning);
    } else {
      log::warn("transport.warning_not_sent", {{"qid", format_id(letter.id)}, {"what", warned.error().what}});
    }
  }
  const std::vector<Finding> failed = select(findings, has_failed);
  if (failed.empty() || self->means->cut) co_return;
  Result<void> told = fail(FaultKind::not_found, "the letter has no sender");
  Notices bounce;
  if (!letter.reverse_path.empty()) told = co_await self->notices.report(letter, failed, bounce);
  // Never a bounce of a bounce (RFC 5321 section 6.1): the postmaster gets it, or it is set aside.
  const bool too_long = self->now() >= letter.expires + kBouncePatience;
  bool to_postmaster = !told && (!is_passing(told.error()) || too_long);
  if (to_postmaster) {
    log::warn("transport.bounce_undeliverable",
              {{"qid", format_id(letter.id)}, {"from", letter.reverse_path}, {"what", told.error().what}});
    bounce = Notices();
    const bool circle = std::any_of(failed.begin(), failed.end(), is_for_postmaster);
    if (!circle) told = co_await self->notices.tell_postmaster(letter, failed, bounce);
    const bool given_up = circle || (!told && (!is_passing(told.error()) || too_long));
    if (given_up && !self->means->cut) {
      co_await set_aside(self, letter.id, findings);
      co_return;
    }
  }
  if (told) {
    for (engine::Step& step : bounce.steps) out.steps.push_back(std::move(step));
    for (auto& l : bounce.letters) out.letters.push_back(std::move(l));
    co_return;
  }
  // It is told later; until then the recipient is not given up.
  log::warn("transport.bounce_put_off", {{"qid", format_id(letter.id)}, {"what", told.error().what}});
  const milliseconds delay = retry_delay(self->policy, 1, self->means->random);
  for (Finding& f : findings) {
    if (!has_failed(f)) continue;
    f.fate = Fate::deferred;
    f.recipient.state = queue::RecipientState::waiting;
    f.recipient.next_attempt = self->now() + delay;
  }
}

// The deliveries are written down first: what is set aside may be restored and must not be sent to them
// again. What is recorded after this finds no letter, and that is right.
Task<void> Transport::Impl::set_aside(std::shared_ptr<Impl> self, queue::LetterId id,
                                      std::vector<Finding> findings) {
  queue::Queue::Outcome outcome;
  outcome.id = id;
  for (const Finding& f : findings) {
    if (!has_failed(f)) outcome.recipients.push_back(f.recipient);
  }
  const bool recorded = co_await record(self, std::move(outcome));
  if (!recorded) co_return;
  Result<void> aside =
      co_await self->queue.set_aside(id, "neither its sender nor the postmaster can be told");
  if (!aside)
    log::error("transport.set_aside_failed", {{"qid", format_id(id)}, {"what", aside.error().what}});
}

// What is sent and can't be written down is sent again after a restart: then better nothing more for now.
void Transport::Impl::note_unrecorded(bool waits) {
  if (waits) {
    ++unrecorded;
    return;
  }
  if (--unrecorded != 0 || means->cut) return;
  for (const auto& [key, d] : std::unordered_map(destinations)) kick(d);
  call_pump();
}

Task<bool> Transport::Impl::record(std::shared_ptr<Impl> self, queue::Queue::Outcome outcome) {
  seconds wait = kRecordRetryFirst;
  struct Waiting {
    Impl& impl;
    bool on = false;
    void begin() {
      if (!std::exchange(on, true)) impl.note_unrecorded(true);
    }
    ~Waiting() {
      if (on) impl.note_unrecorded(false);
    }
  } waiting{*self};
  while (!self->means->cut) {
    Result<void> done = co_await self->queue.record(outcome);
    if (done) co_return true;
    const FaultKind kind = done.error().kind;
    if (kind == FaultKind::not_found || kind == FaultKind::corrupt) {
      log::info("transport.letter_gone", {{"qid", format_id(outcome.id)}, {"what", done.error().what}});
      co_return false;
    }
    log::error("transport.record_failed", {{"qid", format_id(outcome.id)}, {"what", done.error().what}});
    // A notice that is refused at the last moment must not keep the deliveries from being written down.
    if (!is_passing(done.error()) && !outcome.also.empty()) {
      outcome.also.clear();
      for (queue::Recipient& r : outcome.recipients) {
        if (r.state == queue::RecipientState::failed) r.state = queue::RecipientState::waiting;
        if (r.state == queue::RecipientState::waiting) r.next_attempt = self->now() + kPutOff;
      }
      continue;
    }
    // A store that can't be written does not get better while we stop.
    const bool hopeless = self->stopping && kind == FaultKind::io;
    if (self->means->cut || hopeless) co_return false;
    waiting.begin();
    Result<void> slept = co_await self->loop.sleep(wait);
    if (!slept) co_return false;
    wait = std::min(wait * 2, kRecordRetryMost);
  }
  co_return false;
}

}  // namespace posthouse::transport
