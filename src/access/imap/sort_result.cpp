#include "access/imap/sort_result.h"

#include <algorithm>

namespace posthouse::access::imap {

using R = wire::imap::Search;

namespace {

// MIN, MAX or both, and nothing that tells of the other messages.
bool only_ends(uint16_t wanted) {
  return (wanted & (R::kMin | R::kMax)) != 0 && (wanted & (R::kAll | R::kCount | R::kPartial)) == 0;
}

// RFC 4731 section 3.2: the highest of the messages that are told.
store::ModSeq modseq_of(const SortOrder& order, uint16_t wanted) {
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

// Those from `at` to before `end`, in the order of the sort; only rising runs are joined (RFC 5267
// section 3.2).
Task<void> tell_numbers(Session& s, const SortedNumbers& numbers, size_t at, size_t end) {
  const size_t begin = at;
  while (at < end) {
    if (at > begin) s.out += ',';
    const uint32_t first = numbers.at(at++);
    uint32_t last = first;
    while (at < end && numbers.at(at) == last + 1) {
      last++;
      at++;
    }
    s.out += std::to_string(first);
    if (last != first) s.out += ':' + std::to_string(last);
    if (s.wants_flush()) co_await s.flush();
  }
}

// RFC 9394 section 4, of sorted messages.
Task<void> tell_partial(Session& s, const SortedNumbers& numbers, const wire::imap::PartialRange& range) {
  s.out += " PARTIAL (";
  wire::imap::append_partial(s.out, range);
  s.out += ' ';
  if (const auto places = range.of(static_cast<uint32_t>(numbers.size()))) {
    co_await tell_numbers(s, numbers, places->first - 1, places->last);
  } else {
    s.out += "NIL";
  }
  s.out += ')';
}

// RFC 6203 section 6: in the order of the sort; with PARTIAL of those that it tells.
Task<void> tell_relevancy(Session& s, const SortOrder& order, const wire::imap::Search& c) {
  const auto count = static_cast<uint32_t>(order.items().size());
  std::optional<wire::imap::NumberRange> places = wire::imap::NumberRange{1, count};
  if ((*c.results & R::kPartial) != 0) places = c.partial.of(count);
  if (count == 0 || !places) co_return;
  s.out += " RELEVANCY (";
  for (uint32_t place = places->first; place <= places->last; place++) {
    if (place > places->first) s.out += ' ';
    s.out += std::to_string(order.items()[place - 1].relevancy);
    if (s.wants_flush()) co_await s.flush();
  }
  s.out += ')';
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

Task<void> tell_sorted_extended(Session& s, const SortOrder& order, const wire::imap::Search& c,
                                bool modseq) {
  const uint16_t wanted = *c.results;
  if ((wanted & R::kEverything) == 0) co_return;
  const SortedNumbers numbers(order, *s.view, c.uid);
  const size_t count = numbers.size();
  s.out += "* ESEARCH (TAG \"" + s.tag + (c.uid ? "\") UID" : "\")");
  if (count > 0 && (wanted & R::kMin) != 0) s.out += " MIN " + std::to_string(numbers.at(0));
  if (count > 0 && (wanted & R::kMax) != 0) s.out += " MAX " + std::to_string(numbers.at(count - 1));
  if ((wanted & R::kCount) != 0) s.out += " COUNT " + std::to_string(count);
  if (count > 0 && (wanted & R::kAll) != 0) {
    s.out += " ALL ";
    co_await tell_numbers(s, numbers, 0, count);
  }
  if ((wanted & R::kPartial) != 0) co_await tell_partial(s, numbers, c.partial);
  if ((wanted & R::kRelevancy) != 0) co_await tell_relevancy(s, order, c);
  if (modseq && count > 0) s.out += " MODSEQ " + std::to_string(modseq_of(order, wanted));
  s.out += "\r\n";
}

store::UidList saved_of(const SortOrder& order, const wire::imap::Search& c) {
  const std::vector<SortOrder::Item>& items = order.items();
  const uint16_t wanted = *c.results;
  std::vector<store::Uid> uids;
  const auto take = [&](size_t at, size_t end) {
    for (; at < end; at++) uids.push_back(items[at].uid);
  };
  const uint16_t some = wanted & (R::kMin | R::kMax | R::kPartial);
  if (some == 0 || (wanted & (R::kAll | R::kCount)) != 0) {
    take(0, items.size());
  } else if (!items.empty()) {
    if ((wanted & R::kMin) != 0) take(0, 1);
    if ((wanted & R::kMax) != 0) take(items.size() - 1, items.size());
    const auto places = c.partial.of(static_cast<uint32_t>(items.size()));
    if (places && (wanted & R::kPartial) != 0) take(places->first - 1, places->last);
  }
  std::sort(uids.begin(), uids.end());
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  store::UidList saved;
  for (const store::Uid uid : uids) saved.append(uid);
  return saved;
}

}  // namespace posthouse::access::imap
