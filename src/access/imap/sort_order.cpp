#include "access/imap/sort_order.h"

#include <algorithm>

#include "access/imap/limits.h"
#include "base/yield.h"

namespace posthouse::access::imap {

namespace {

using C = wire::imap::SortCriterion;

bool is_of_summary(C::Key key) {
  return key != C::arrival && key != C::size && key != C::relevancy;
}

}  // namespace

SortOrder::SortOrder(std::vector<C> criteria, bool tells_relevancy)
    : criteria_(std::move(criteria)), needs_relevancy_(tells_relevancy) {
  for (const C& criterion : criteria_) needs_relevancy_ = needs_relevancy_ || criterion.key == C::relevancy;
  needs_summary_ =
      std::any_of(criteria_.begin(), criteria_.end(), [](const C& c) { return is_of_summary(c.key); });
}

bool SortOrder::add(const store::Entry& entry, uint8_t relevancy) {
  const size_t at = keys_.size();
  append_sort_key(keys_, criteria_, {entry.internal_date, entry.size, entry.summary, relevancy});
  items_.push_back({at, static_cast<uint32_t>(keys_.size() - at), entry.uid, entry.modseq, relevancy});
  return has_room();
}

bool SortOrder::add(const KnownOrder& part) {
  const size_t before = keys_.size();
  keys_ += part.keys;
  for (const KnownOrder::Place& place : part.places)
    items_.push_back({before + place.at, place.size, place.uid, 0, 0});
  return has_room();
}

bool SortOrder::has_room() const {
  return keys_.size() + items_.size() * sizeof(Item) <= kSortMemory;
}

void SortOrder::take(std::shared_ptr<const KnownOrder> known, const store::UidList& found) {
  keys_.clear();
  items_.clear();
  items_.reserve(found.size());
  const bool all = found.size() == known->uids.size();
  for (const KnownOrder::Place& place : known->places) {
    if (all || found.contains(place.uid)) items_.push_back({place.at, place.size, place.uid, 0, 0});
  }
  known_ = std::move(known);
}

bool SortOrder::before(const Item& a, const Item& b) const {
  const int order = key(a).compare(key(b));
  return order != 0 ? order < 0 : a.uid < b.uid;
}

// Merge sort, bottom up, with a breath between the steps.
Task<void> SortOrder::sort() {
  const auto less = [this](const Item& a, const Item& b) { return before(a, b); };
  const size_t all = items_.size();
  for (size_t at = 0; at < all; at += kSortTogether) {
    const auto begin = items_.begin() + static_cast<ptrdiff_t>(at);
    std::sort(begin, begin + static_cast<ptrdiff_t>(std::min(kSortTogether, all - at)), less);
    co_await LetOthers();
  }
  std::vector<Item> merged;
  for (size_t width = kSortTogether; width < all; width *= 2) {
    merged.clear();
    merged.reserve(all);
    for (size_t at = 0; at < all; at += 2 * width) {
      const auto begin = items_.begin() + static_cast<ptrdiff_t>(at);
      const auto middle = begin + static_cast<ptrdiff_t>(std::min(width, all - at));
      const auto end = begin + static_cast<ptrdiff_t>(std::min(2 * width, all - at));
      std::merge(begin, middle, middle, end, std::back_inserter(merged), less);
      co_await LetOthers();
    }
    items_.swap(merged);
  }
}

}  // namespace posthouse::access::imap
