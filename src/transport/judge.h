// From an answer to a recipient's fate: delivered, tried again when, or given up. Pure.
#pragma once

#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "queue/queue.h"
#include "transport/answer.h"

namespace posthouse::transport {

struct RetryPolicy {
  std::vector<seconds> after;  // the n-th failure; the last repeats
  seconds warn_after{4 * 3600};
};

// Quick at first, since most faults pass soon (RFC 5321 section 4.5.4.1), then every four hours.
std::vector<seconds> default_retry_schedule();

// The wait after the `attempts`-th failed attempt (1 is the first), with jitter, so that letters that failed
// together don't come back together.
milliseconds retry_delay(const RetryPolicy& policy, uint32_t attempts, Random& random);

enum class Fate { delivered, deferred, failed };

struct Finding {
  queue::Recipient recipient;  // as it goes into the queue
  Fate fate = Fate::deferred;
  bool warn = false;  // time to tell the sender that it takes longer
  Answer answer;      // for the log and the report; on expiry ours, with the host's text
};

// `delay`: the wait if it is to be tried again.
Finding judge(const queue::Letter& letter, queue::Recipient recipient, const Answer& answer, SystemTime now,
              milliseconds delay, seconds warn_after);

}  // namespace posthouse::transport
