#include "transport/judge.h"

#include "transport/limits.h"

namespace posthouse::transport {

std::vector<seconds> default_retry_schedule() {
  using std::chrono::hours;
  using std::chrono::minutes;
  return {minutes(5), minutes(10), minutes(20), minutes(40), hours(1), hours(2), hours(4)};
}

milliseconds retry_delay(const RetryPolicy& policy, uint32_t attempts, Random& random) {
  const std::vector<seconds>& after = policy.after;
  if (after.empty()) return std::chrono::minutes(5);
  const size_t step = std::min<size_t>(std::max(attempts, 1u) - 1, after.size() - 1);
  const milliseconds plain = after[step];
  const int64_t span = plain.count() * kRetryJitterPercent / 100;
  const auto offset = static_cast<int64_t>(random.below(static_cast<uint64_t>(2 * span + 1)));
  return plain + milliseconds(offset - span);
}

Finding judge(const queue::Letter& letter, queue::Recipient recipient, const Answer& answer, SystemTime now,
              milliseconds delay, seconds warn_after) {
  Finding out;
  out.answer = answer;
  out.recipient = std::move(recipient);
  queue::Recipient& r = out.recipient;
  ++r.attempts;
  r.last_reply = to_line(answer);
  r.last_status = answer.status;
  r.last_host = answer.host;
  if (answer.delivered()) {
    out.fate = Fate::delivered;
    r.state = queue::RecipientState::delivered;
  } else if (answer.permanent()) {
    out.fate = Fate::failed;
    r.state = queue::RecipientState::failed;
  } else if (now >= letter.expires) {
    // RFC 3463 section 3.5: X.4.7, delivery time expired.
    out.fate = Fate::failed;
    r.state = queue::RecipientState::failed;
    r.last_status = "5.4.7";
    out.answer.status = "5.4.7";
  } else {
    out.fate = Fate::deferred;
    r.state = queue::RecipientState::waiting;
    // The last attempt is made when the letter expires, not before.
    r.next_attempt = std::min(now + delay, letter.expires);
    out.warn = !r.delay_warned && warn_after.count() > 0 && now - letter.accepted >= warn_after &&
               !letter.reverse_path.empty();
    r.delay_warned = r.delay_warned || out.warn;
  }
  return out;
}

}  // namespace posthouse::transport
