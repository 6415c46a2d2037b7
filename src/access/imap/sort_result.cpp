#include "access/imap/sort_result.h"

#include <algorithm>

namespace posthouse::access::imap {

using R = wire::imap::Search;

namespace {

// MIN, MAX or both, and nothing that tells of the other messages.
bool only_ends(uint8_t wanted) {
  return (wanted & (R::kMin | R::kMax)) != 0 && (wanted & (R::kAll | R::kCount)) == 0;
}

// RFC 4731 section 3.2: the highest of the messages that are told.
store::ModSeq modseq_of(const SortOrder& order, uint8_t wanted) {
  const std::vector<SortOrder::Item>& items = order.items();
  store::ModSeq highest = 0;
  if (items.empty()) return highest;
  if (only_ends(wanted)) {
    if ((wanted & R::kMin) != 0) highest = items.front().modseq;
    if ((wanted & R::kMax) != 0) highest = std::max(highest, items.back().modseq);
    return highest;
  }
  for (const SortOrder::Item& item : items) highest = std::max(highest, item.modseq);
  return highest;
}

// In the order of the sort; only rising runs are joined (RFC 5267 section 3.2).
Task<void> tell_all(Session& s, const SortedNumbers& numbers) {
  s.out += " ALL ";
  for (size_t i = 0; i < numbers.size();) {
    const uint32_t first = numbers.at(i);
    uint32_t last = first;
    size_t next = i + 1;
    while (next < numbers.size() && numbers.at(next) == last + 1) {
      last++;
      next++;
    }
    if (i > 0) s.out += ',';
    s.out += std::to_string(first);
    if (last != first) s.out += ':' + std::to_string(last);
    i = next;
    if (s.wants_flush()) co_await s.flush();
  }
}

}  // namespace

uint32_t SortedNumbers::at(size_t i) const {
  const store::Uid uid = order_.items()[i].uid;
  return uid_ ? uid : view_.uids.sequence(uid);
}

Task<void> tell_sorted(Session& s, const SortOrder& order, bool uid, bool modseq) {
  const SortedNumbers numbers(order, *s.view, uid);
  s.out += "* SORT";
  for (size_t i = 0; i < numbers.size(); i++) {
    s.out += ' ';
    s.out += std::to_string(numbers.at(i));
    if (s.wants_flush()) co_await s.flush();
  }
  if (modseq && numbers.size() > 0) s.out += " (MODSEQ " + std::to_string(modseq_of(order, R::kAll)) + ")";
  s.out += "\r\n";
}

Task<void> tell_sorted_extended(Session& s, const SortOrder& order, uint8_t wanted, bool uid, bool modseq) {
  if ((wanted & R::kEverything) == 0) co_return;
  const SortedNumbers numbers(order, *s.view, uid);
  const size_t count = numbers.size();
  s.out += "* ESEARCH (TAG \"" + s.tag + (uid ? "\") UID" : "\")");
  if (count > 0 && (wanted & R::kMin) != 0) s.out += " MIN " + std::to_string(numbers.at(0));
  if (count > 0 && (wanted & R::kMax) != 0) s.out += " MAX " + std::to_string(numbers.at(count - 1));
  if ((wanted & R::kCount) != 0) s.out += " COUNT " + std::to_string(count);
  if (count > 0 && (wanted & R::kAll) != 0) co_await tell_all(s, numbers);
  if (modseq && count > 0) s.out += " MODSEQ " + std::to_string(modseq_of(order, wanted));
  s.out += "\r\n";
}

store::UidList saved_of(const SortOrder& order, uint8_t wanted) {
  const std::vector<SortOrder::Item>& items = order.items();
  std::vector<store::Uid> uids;
  if (only_ends(wanted) && !items.empty()) {
    if ((wanted & R::kMin) != 0) uids.push_back(items.front().uid);
    if ((wanted & R::kMax) != 0) uids.push_back(items.back().uid);
  } else {
    for (const SortOrder::Item& item : items) uids.push_back(item.uid);
  }
  std::sort(uids.begin(), uids.end());
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  store::UidList saved;
  for (const store::Uid uid : uids) saved.append(uid);
  return saved;
}

}  // namespace posthouse::access::imap
