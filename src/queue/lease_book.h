// What of the schedule is already in hand: a place up to which it was walked, and the letters on lease. It
// lets the sender walk a long schedule once, instead of from its start (over all that was there and is gone)
// at every look.
//
// The rule that keeps letters from being overlooked: every schedule row is at or after position(), or belongs
// to a letter on lease, or is in the set of returned places. Whoever adds a row therefore says so before
// (expect), and keeps what expect() gave until the row can be read.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "queue/rows.h"

namespace posthouse::queue {

// Thread-safe.
class LeaseBook : public std::enable_shared_from_this<LeaseBook> {
 public:
  // A schedule row at `millis` is about to be written; hold the token until it is readable or given up.
  std::shared_ptr<void> expect(uint64_t millis);

  struct Walk {
    Place from;                   // where to go on
    std::vector<Place> returned;  // given back with a place before `from` that is due; look at these first
  };
  // Starts a walk over what is due at `now`; nothing while another walk is on.
  std::optional<Walk> begin_walk(uint64_t now, size_t most);
  // The walk saw all rows before `next`; if it failed, nothing moves and `walk.returned` comes back.
  void end_walk(Place next);
  void abandon_walk(const Walk& walk);

  // Neither on lease, nor given back since this walk began (then its rows are older than what happened).
  bool is_free(LetterId id) const;
  // False if it is not free.
  bool lease(LetterId id, uint64_t millis);
  bool lease_one(LetterId id);
  // The letter's schedule row is now at `millis`, or gone.
  void moved(LetterId id, std::optional<uint64_t> millis);
  void give_back(LetterId id);

  // Where the next unleased row can be: at or after the place, or among the returned ones (their earliest).
  std::pair<Place, std::optional<Place>> position() const;
  // Forgets how far the walk came: the next one begins at the start.
  void rewind();
  size_t leases() const;

 private:
  void lower(Place place);
  void put_returned(Place place);
  void forget_returned(LetterId id);
  void drop_returned_ahead();
  bool is_free_locked(LetterId id) const;

  mutable std::mutex mutex_;
  Place position_{0, 0};
  Place lowered_{UINT64_MAX, UINT64_MAX};  // the earliest row that may have appeared during this walk
  bool walking_ = false;
  std::multiset<uint64_t> expected_;
  std::set<Place> returned_;
  std::unordered_map<LetterId, uint64_t> returned_at_;            // the same by letter
  std::unordered_map<LetterId, std::optional<uint64_t>> leases_;  // with the place of the schedule row
  std::unordered_set<LetterId> given_back_;                       // during this walk
};

}  // namespace posthouse::queue
