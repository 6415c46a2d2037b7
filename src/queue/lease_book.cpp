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
    returned_.erase(returned_.begin());
  }
  return walk;
}

void LeaseBook::end_walk(Place next) {
  const std::lock_guard lock(mutex_);
  position_ = std::min(next, lowered_);
  walking_ = false;
  given_back_.clear();
}

void LeaseBook::abandon_walk(const Walk& walk) {
  const std::lock_guard lock(mutex_);
  returned_.insert(walk.returned.begin(), walk.returned.end());
  walking_ = false;
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
  if (const auto it = leases_.find(id); it != leases_.end()) it->second = millis;
}

void LeaseBook::give_back(LetterId id) {
  const std::lock_guard lock(mutex_);
  const auto it = leases_.find(id);
  if (it == leases_.end()) return;
  const std::optional<uint64_t> millis = it->second;
  leases_.erase(it);
  if (walking_) given_back_.insert(id);
  if (millis && (walking_ || Place{*millis, id} < position_)) returned_.insert({*millis, id});
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
}

}  // namespace posthouse::queue
