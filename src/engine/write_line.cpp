#include "engine/write_line.h"

#include <algorithm>

namespace posthouse::engine {

namespace {

constexpr size_t kMaxGroup = 512;
constexpr std::chrono::microseconds kPatience(30);  // a fraction of what a flush takes
constexpr unsigned kMostHurried = 64;
constexpr std::chrono::milliseconds kRelaxedPatience(2);  // relaxed jobs wait so long for company
constexpr size_t kMaxRelaxed = kMaxGroup / 2;             // or until they are so many

}  // namespace

void WriteLine::add(WriteJob* job) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (job->relaxed) {
      if (relaxed_.empty()) {
        relaxed_by_ = now() + kRelaxedPatience;
        wake = awaited_ > 0 && relaxed_by_ < sleeps_until_;  // it must learn that it has less time now
      }
      relaxed_.push_back(job);
      if (relaxed_.size() == kMaxRelaxed) {
        relaxed_by_ = {};
        wake = awaited_ > 0;
      }
    } else {
      urgent_.push_back(job);
      wake = awaited_ > 0 && urgent_.size() >= awaited_;
      if (wake) awaited_ = 0;
    }
  }
  if (wake) wake_.notify_one();
}

void WriteLine::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
}

std::optional<SteadyTime> WriteLine::next_term(std::optional<SteadyTime> flush_by) const {
  if (relaxed_.empty()) return flush_by;
  return flush_by ? std::min(*flush_by, relaxed_by_) : relaxed_by_;
}

void WriteLine::sleep(std::unique_lock<std::mutex>& lock, std::optional<SteadyTime> flush_by) {
  while (urgent_.empty() && !closing_) {
    const std::optional<SteadyTime> term = next_term(flush_by);
    if (term && now() >= *term) return;
    awaited_ = 1;
    sleeps_until_ = term.value_or(SteadyTime::max());
    if (term) {
      wake_.wait_until(lock, *term);
    } else {
      wake_.wait(lock);
    }
  }
}

// Callers that were let go on together come back together: a moment's patience puts them into one group
// again, instead of flushing the disk for the first of them. Where others came while the last group was
// written (`waited`), all of them make one group from then on, instead of two that always wait for each
// other: that is worth a part of a flush, as long as many enough come.
void WriteLine::wait_for_company(std::unique_lock<std::mutex>& lock, size_t waited,
                                 SteadyTime::duration took) {
  SteadyTime::duration patience = kPatience;
  const bool long_one = waited != 0 && hurried_ == 0;
  if (long_one) patience = std::clamp<SteadyTime::duration>(took / 4, kPatience, most_patience_);
  if (waited != 0 && hurried_ != 0) --hurried_;
  awaited_ = last_group_ + (long_one ? waited : 0);
  sleeps_until_ = {};  // in a moment
  if (urgent_.size() < awaited_) wake_.wait_for(lock, patience);
  awaited_ = 0;
  if (!long_one) return;
  const bool paid = 4 * (urgent_.size() - waited) >= waited;
  next_hurried_ = paid ? 1 : std::min(2 * next_hurried_, kMostHurried);
  if (!paid) hurried_ = next_hurried_;
}

WriteLine::Turn WriteLine::wait(std::optional<SteadyTime> flush_by) {
  std::unique_lock lock(mutex_);
  const SteadyTime::duration took = now() - group_began_;
  const size_t waited = urgent_.size();
  sleep(lock, flush_by);
  if (!urgent_.empty() && !closing_) wait_for_company(lock, waited, took);
  awaited_ = 0;
  if (!urgent_.empty() || !relaxed_.empty()) return Turn::write;
  return closing_ ? Turn::stop : Turn::flush;
}

void WriteLine::take(Group& group) {
  const std::lock_guard lock(mutex_);
  while (!relaxed_.empty() && group.size() < kMaxGroup) {
    group.push_back(relaxed_.front());
    relaxed_.pop_front();
  }
  while (!urgent_.empty() && group.size() < kMaxGroup) {
    group.push_back(urgent_.front());
    urgent_.pop_front();
    if (group.back()->kind == WriteJob::Kind::erase_partition) break;
  }
}

void WriteLine::end_group(const Group& group, size_t done) {
  const std::lock_guard lock(mutex_);
  for (size_t i = group.size(); i > done; --i) {
    (group[i - 1]->relaxed ? relaxed_ : urgent_).push_front(group[i - 1]);
  }
  last_group_ = static_cast<size_t>(std::count_if(group.begin(), group.begin() + static_cast<ptrdiff_t>(done),
                                                  [](const WriteJob* job) { return !job->relaxed; }));
  group_began_ = now();
}

}  // namespace posthouse::engine
