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

void log_undeliverable(const queue::Letter& letter, const std::string& what) {
  log::warn("transport.bounce_undeliverable",
            {{"qid", format_id(letter.id)}, {"from", letter.reverse_path}, {"what", what}});
}

void log_not_warned(const queue::Letter& letter, const Fault& why) {
  log::warn("transport.warning_not_sent", {{"qid", format_id(letter.id)}, {"what", why.what}});
}

// The sender of such a notice is ourselves: no other notice would help.
bool is_for_postmaster(const Finding& finding) {
  return istarts_with(finding.recipient.address, "postmaster@") ||
         istarts_with(finding.recipient.original, "postmaster");
}

// Whether trying later may help. A full mailbox is none of these: it may stay full for ever, and what its
// owner does not get the postmaster does.
bool is_passing(const Fault& fault) {
  return fault.kind == FaultKind::temporary || fault.kind == FaultKind::no_space ||
         fault.kind == FaultKind::io || fault.kind == FaultKind::timeout || fault.kind == FaultKind::closed;
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

// Who is told when `before` can't be. Never a bounce of a bounce (RFC 5321 section 6.1): the postmaster gets
// it, unless it is him who does not get it.
Told told_after(Told before, const queue::Letter& letter, const std::vector<Finding>& failed) {
  const bool circle =
      letter.reverse_path.empty() && std::any_of(failed.begin(), failed.end(), is_for_postmaster);
  return before == Told::sender && !circle ? Told::postmaster : Told::set_aside;
}

queue::Queue::Outcome outcome_of(const queue::Letter& letter, const std::vector<Finding>& findings) {
  queue::Queue::Outcome out;
  out.id = letter.id;
  for (const Finding& f : findings) out.recipients.push_back(f.recipient);
  return out;
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
  const bool to_tell = std::any_of(findings.begin(), findings.end(),
                                   [](const Finding& f) { return has_failed(f) || is_late(f); });
  if (to_tell) {
    Result<Told> told = co_await tell(self, letter, findings);
    if (self->means->cut) co_return;
    if (told) {
      self->note_findings(letter, findings);
      co_return;
    }
    self->put_off_failed(letter, findings, told.error());
  }
  self->note_findings(letter, findings);
  co_await record(self, outcome_of(letter, findings));
}

void Transport::Impl::note_findings(const queue::Letter& letter, const std::vector<Finding>& findings) {
  for (const Finding& f : findings) {
    log_finding(letter, f, now());
    (f.fate == Fate::delivered ? metrics.sent
     : f.fate == Fate::failed  ? metrics.bounced
                               : metrics.deferred)
        .add();
  }
}

// It is told later; until then the recipient is not given up.
void Transport::Impl::put_off_failed(const queue::Letter& letter, std::vector<Finding>& findings,
                                     const Fault& why) {
  uint32_t attempts = 1;
  for (const Finding& f : findings) {
    if (has_failed(f)) attempts = std::max(attempts, f.recipient.attempts);
  }
  const milliseconds delay = retry_delay(policy, attempts, means->random);
  for (Finding& f : findings) {
    if (!has_failed(f)) continue;
    log::warn("transport.bounce_put_off",
              {{"qid", format_id(letter.id)}, {"to", f.recipient.address}, {"what", why.what}});
    f.fate = Fate::deferred;
    f.recipient.state = queue::RecipientState::waiting;
    f.recipient.next_attempt = now() + delay;
  }
}

// A notice of delay is a courtesy: without it the letter goes on as it is.
Task<Notice> Transport::Impl::write_warning(std::shared_ptr<Impl> self, queue::Letter letter,
                                            std::vector<Finding> findings) {
  Notice out;
  const std::vector<Finding> late = select(findings, is_late);
  if (late.empty() || letter.reverse_path.empty()) co_return out;
  Notice warning;
  Result<void> written = co_await self->notices.report(letter, late, warning);
  if (written) {
    out = std::move(warning);
  } else {
    log_not_warned(letter, written.error());
  }
  co_return out;
}

Task<Result<void>> Transport::Impl::write_bounce(std::shared_ptr<Impl> self, queue::Letter letter,
                                                 std::vector<Finding> failed, Told whom, std::string why,
                                                 Notice& into) {
  Result<void> written;
  if (whom == Told::sender) {
    written = co_await self->notices.report(std::move(letter), std::move(failed), into);
  } else if (whom == Told::postmaster) {
    written = co_await self->notices.tell_postmaster(std::move(letter), std::move(failed), why, into);
  }
  co_return written;
}

Task<Result<void>> Transport::Impl::record_with(std::shared_ptr<Impl> self, queue::Queue::Outcome outcome,
                                                Notice& warning, Notice& bounce) {
  for (const Notice* notice : {&warning, &bounce})
    outcome.also.insert(outcome.also.end(), notice->steps.begin(), notice->steps.end());
  Result<void> done = co_await self->queue.record(std::move(outcome));
  if (done) {
    warning.committed();
    bounce.committed();
  }
  co_return done;
}

// The notices go in with the outcome. One that is refused makes room for the next best and is made anew,
// since its steps remember what they were told of quotas.
Task<Result<Told>> Transport::Impl::tell(std::shared_ptr<Impl> self, queue::Letter letter,
                                         std::vector<Finding> findings) {
  Notice warning = co_await write_warning(self, letter, findings);
  const std::vector<Finding> failed = select(findings, has_failed);
  const bool too_long = self->now() >= letter.expires + kBouncePatience;
  Told whom = failed.empty() ? Told::nobody : Told::sender;
  std::string why = "the letter has no sender";
  if (whom == Told::sender && letter.reverse_path.empty()) {
    log_undeliverable(letter, why);
    whom = told_after(whom, letter, failed);
  }
  while (!self->means->cut) {
    if (whom == Told::set_aside) {
      Result<void> aside = co_await set_aside(self, letter.id, findings);
      if (!aside) co_return std::unexpected(aside.error());
      co_return whom;
    }
    Notice bounce;
    Result<void> done = co_await write_bounce(self, letter, failed, whom, why, bounce);
    const bool written = done.has_value();
    if (written) done = co_await record_with(self, outcome_of(letter, findings), warning, bounce);
    if (done) co_return whom;
    if (warning.refused(done.error())) {
      log_not_warned(letter, done.error());
      warning = Notice();
      continue;
    }
    const bool refused = !written || bounce.refused(done.error());
    if (!refused || (is_passing(done.error()) && !too_long)) {
      if (!warning.steps.empty()) log_not_warned(letter, done.error());
      co_return std::unexpected(done.error());
    }
    why = done.error().what;
    if (whom == Told::sender) log_undeliverable(letter, why);
    whom = told_after(whom, letter, failed);
  }
  co_return fail(FaultKind::closed, "stopped");
}

// The deliveries are written down first: what is set aside may be restored and must not be sent to them
// again.
Task<Result<void>> Transport::Impl::set_aside(std::shared_ptr<Impl> self, queue::LetterId id,
                                              std::vector<Finding> findings) {
  queue::Queue::Outcome outcome;
  outcome.id = id;
  for (const Finding& f : findings) {
    if (!has_failed(f)) outcome.recipients.push_back(f.recipient);
  }
  if (!outcome.recipients.empty()) {
    const bool recorded = co_await record(self, std::move(outcome));
    if (!recorded) co_return fail(FaultKind::temporary, "the deliveries can't be written down");
  }
  Result<void> aside =
      co_await self->queue.set_aside(id, "neither its sender nor the postmaster can be told");
  if (!aside)
    log::error("transport.set_aside_failed", {{"qid", format_id(id)}, {"what", aside.error().what}});
  co_return aside;
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

// A stop ends it at once: a store that can't be written does not get better meanwhile.
Task<void> Transport::Impl::wait_to_record(std::shared_ptr<Impl> self, milliseconds wait) {
  for (milliseconds left = wait; left.count() > 0 && !self->stopping; left -= kTick) {
    Result<void> slept = co_await self->loop.sleep(std::min(left, kTick));
    if (!slept) co_return;
  }
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
    const bool last = self->stopping;
    Result<void> done = co_await self->queue.record(outcome);
    if (done) co_return true;
    const FaultKind kind = done.error().kind;
    if (kind == FaultKind::not_found || kind == FaultKind::corrupt) {
      log::info("transport.letter_gone", {{"qid", format_id(outcome.id)}, {"what", done.error().what}});
      co_return false;
    }
    log::error("transport.record_failed", {{"qid", format_id(outcome.id)}, {"what", done.error().what}});
    if (self->means->cut || last) co_return false;
    waiting.begin();
    co_await wait_to_record(self, wait);
    wait = std::min(wait * 2, kRecordRetryMost);
  }
  co_return false;
}

}  // namespace posthouse::transport
