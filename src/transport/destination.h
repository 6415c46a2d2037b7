// What is known of one destination (a domain, or the smarthost): what waits for it, how many connections it
// may have, and whether it is worth a try.
#pragma once

#include <coroutine>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "queue/queue.h"
#include "transport/answer.h"
#include "transport/routing.h"

namespace posthouse::transport {

// A letter in memory, on lease from the queue, until all its jobs are done.
struct Parcel {
  queue::Letter letter;  // the envelope; `recipients` is empty, they are in the jobs
  size_t recipients = 0;
  size_t open_jobs = 0;
};

// One transaction to be made: some recipients of a letter that go the same way.
struct Job {
  std::shared_ptr<Parcel> parcel;
  std::vector<queue::Recipient> recipients;
};

// A connection that waits for another letter; it lives in the frame of the coroutine that waits.
struct IdleCourier {
  std::coroutine_handle<> handle;
  SteadyTime until{};
  bool woken = false;
};

// One loop only.
struct Destination {
  std::string key;
  std::deque<Job> jobs;
  std::deque<queue::LetterId> parked;  // on lease, but not in memory
  bool refilling = false;
  std::list<IdleCourier*> idle;  // least recently used first
  uint32_t couriers = 0;         // connections, idle ones included
  uint32_t connected = 0;        // of them, with an open session
  size_t waking = 0;             // idle ones that were called and did not run yet
  bool starving = false;         // waits for one of the connections of all

  Route route;  // cached
  SteadyTime route_until{};

  bool unused() const { return jobs.empty() && parked.empty() && couriers == 0 && !refilling; }

  // ---- how it fares
  // Connections it may have now.
  uint32_t limit(uint32_t most) const;
  bool is_closed(SteadyTime now) const { return now < closed_until; }
  // Nothing is remembered that would be missed.
  bool is_plain(SteadyTime now) const { return failures == 0 && !is_closed(now) && complaint.empty(); }
  // A host took a letter, or refused it: somebody is there. Grows by one connection after each round of
  // letters.
  void reached(uint32_t most);
  // A host has no room for a further connection, beside those that stand.
  void crowded();
  // None of its hosts could be spoken to; letters are put off without a try for a while.
  void failed(Answer why, SteadyTime now, Random& random);

  uint32_t allowed = 0;    // 0: not known yet
  uint32_t successes = 0;  // since `allowed` changed
  uint32_t failures = 0;   // in a row
  SteadyTime closed_until{};
  Answer last_failure;
  std::string complaint;  // what the operator was told of a smarthost that refuses us; "": nothing
};

// Hosts that did not answer, or whose TLS fails. Bounded.
class HostMemory {
 public:
  void remember_bad(const IpAddress& ip, SteadyTime until) { put(bad_, ip, until); }
  void remember_good(const IpAddress& ip) { bad_.erase(ip); }
  bool is_bad(const IpAddress& ip, SteadyTime now) const { return has(bad_, ip, now); }
  void remember_bad_tls(const IpAddress& ip, SteadyTime until) { put(bad_tls_, ip, until); }
  bool is_bad_tls(const IpAddress& ip, SteadyTime now) const { return has(bad_tls_, ip, now); }
  // The route with the bad hosts last; those that are equally bad keep their order.
  Route order(const Route& route, SteadyTime now) const;

 private:
  using Times = std::map<IpAddress, SteadyTime>;
  static void put(Times& times, const IpAddress& ip, SteadyTime until);
  static bool has(const Times& times, const IpAddress& ip, SteadyTime now);
  Times bad_;
  Times bad_tls_;
};

}  // namespace posthouse::transport
