#include "queue/lease_book.h"

namespace posthouse::queue {

std::shared_ptr<void> LeaseBook::expect(uint64_t millis) {
  const std::lock_guard lock(mutex_);
  expected_.insert(millis);
  lower({millis, 0});
  return std::shared_ptr<void>(nullptr, [self = shared_from_this(), millis](void*) {
    const std::lock_guard relock(self->mutex_);
    self->expected_.erase(self->expected_.find(millis));
  });
}

std::optional<LeaseBook::Walk> LeaseBook::begin_walk(uint64_t now, size_t most) {
  const std::lock_guard lock(mutex_);
  if (walking_) return std::nullopt;
  walking_ = true;
  given_back_.clear();
  lowered_ = expected_.empty() ? Place{UINT64_MAX, UINT64_MAX} : Place{*expected_.begin(), 0};
  Walk walk;
  walk.from = position_;
  while (walk.returned.size() < most && !returned_.empty() && returned_.begin()->first <= now) {
    walk.returned.push_back(*returned_.begin());
    forget_returned(returned_.begin()->second);
  }
  return walk;
}

void LeaseBook::end_walk(Place next) {
  const std::lock_guard lock(mutex_);
  position_ = std::min(next, lowered_);
  walking_ = false;
  drop_returned_ahead();
  given_back_.clear();
}

void LeaseBook::abandon_walk(const Walk& walk) {
  const std::lock_guard lock(mutex_);
  for (const Place& place : walk.returned) put_returned(place);
  walking_ = false;
  drop_returned_ahead();
  given_back_.clear();
}

bool LeaseBook::is_free(LetterId id) const {
  const std::lock_guard lock(mutex_);
  return is_free_locked(id);
}

bool LeaseBook::is_free_locked(LetterId id) const {
  return !leases_.contains(id) && !given_back_.contains(id);
}

bool LeaseBook::lease(LetterId id, uint64_t millis) {
  const std::lock_guard lock(mutex_);
  return is_free_locked(id) && leases_.emplace(id, millis).second;
}

bool LeaseBook::lease_one(LetterId id) {
  const std::lock_guard lock(mutex_);
  // Its place is not known: if it comes back without having moved, any place may be right.
  return leases_.emplace(id, uint64_t{0}).second;
}

void LeaseBook::moved(LetterId id, std::optional<uint64_t> millis) {
  const std::lock_guard lock(mutex_);
  if (const auto it = leases_.find(id); it != leases_.end()) {
    it->second = millis;
  } else {
    forget_returned(id);  // the new row was expected, so the walk will come to it
  }
}

void LeaseBook::give_back(LetterId id) {
  const std::lock_guard lock(mutex_);
  const auto it = leases_.find(id);
  if (it == leases_.end()) return;
  const std::optional<uint64_t> millis = it->second;
  leases_.erase(it);
  if (walking_) given_back_.insert(id);
  if (millis && (walking_ || Place{*millis, id} < position_)) put_returned({*millis, id});
}

void LeaseBook::put_returned(Place place) {
  forget_returned(place.second);
  returned_.insert(place);
  returned_at_[place.second] = place.first;
}

// The walk will come to them, so they must not be found twice.
void LeaseBook::drop_returned_ahead() {
  while (!returned_.empty() && *returned_.rbegin() >= position_) forget_returned(returned_.rbegin()->second);
}

void LeaseBook::forget_returned(LetterId id) {
  const auto it = returned_at_.find(id);
  if (it == returned_at_.end()) return;
  returned_.erase({it->second, id});
  returned_at_.erase(it);
}

std::pair<Place, std::optional<Place>> LeaseBook::position() const {
  const std::lock_guard lock(mutex_);
  return {position_, returned_.empty() ? std::nullopt : std::optional<Place>(*returned_.begin())};
}

void LeaseBook::rewind() {
  const std::lock_guard lock(mutex_);
  lower({0, 0});
}

size_t LeaseBook::leases() const {
  const std::lock_guard lock(mutex_);
  return leases_.size();
}

void LeaseBook::lower(Place place) {
  position_ = std::min(position_, place);
  lowered_ = std::min(lowered_, place);
  if (!walking_) drop_returned_ahead();
}

}  // namespace posthouse::queue
