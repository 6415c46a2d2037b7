#include <algorithm>
#include <cassert>
#include <iterator>

#include "store/types.h"

namespace posthouse::store {

namespace {

// The run that holds `uid`, or the first behind it.
template <class Runs>
auto find_run(Runs& runs, Uid uid) {
  return std::partition_point(runs.begin(), runs.end(),
                              [uid](const UidList::Run& run) { return run.first + (run.count - 1) < uid; });
}

}  // namespace

void UidList::append(Uid uid) {
  append_run(uid, 1);
}

void UidList::append_run(Uid first, uint32_t count) {
  if (count == 0) return;
  assert(first > last());
  if (!runs_.empty() && first == last() + 1) {
    runs_.back().count += count;
  } else {
    runs_.push_back({first, count, size_});
  }
  size_ += count;
}

bool UidList::remove(Uid uid) {
  auto run = find_run(runs_, uid);
  if (run == runs_.end() || uid < run->first) return false;
  const uint32_t left = uid - run->first;
  const uint32_t right = run->count - left - 1;
  if (left == 0 && right == 0) {
    run = runs_.erase(run);
  } else if (left == 0) {
    ++run->first;
    --run->count;
    ++run;  // its own `before` stays
  } else {
    run->count = left;
    const uint32_t before = run->before + left;
    ++run;
    if (right > 0) run = std::next(runs_.insert(run, {uid + 1, right, before}));
  }
  for (; run != runs_.end(); ++run) --run->before;
  --size_;
  return true;
}

uint32_t UidList::sequence(Uid uid) const {
  const auto run = find_run(runs_, uid);
  if (run == runs_.end() || uid < run->first) return 0;
  return run->before + (uid - run->first) + 1;
}

uint32_t UidList::lower_bound(Uid uid) const {
  const auto run = find_run(runs_, uid);
  if (run == runs_.end()) return size_ + 1;
  if (uid < run->first) return run->before + 1;
  return run->before + (uid - run->first) + 1;
}

Uid UidList::at(uint32_t sequence) const {
  assert(sequence >= 1 && sequence <= size_);
  const auto behind = std::partition_point(runs_.begin(), runs_.end(),
                                           [sequence](const Run& run) { return run.before < sequence; });
  const Run& run = *std::prev(behind);
  return run.first + (sequence - run.before - 1);
}

Uid UidList::last() const {
  return runs_.empty() ? 0 : runs_.back().first + (runs_.back().count - 1);
}

UidList without(const UidList& list, const std::vector<Uid>& gone) {
  UidList left;
  auto next = gone.begin();
  for (const UidList::Run& run : list.runs()) {
    Uid first = run.first;
    const Uid last = run.first + (run.count - 1);
    while (next != gone.end() && *next < first) ++next;
    for (; next != gone.end() && *next <= last; ++next) {
      left.append_run(first, *next - first);
      first = *next + 1;
    }
    // `first` is 0 behind the largest UID there is.
    if (first != 0 && first <= last) left.append_run(first, last - first + 1);
  }
  return left;
}

}  // namespace posthouse::store
