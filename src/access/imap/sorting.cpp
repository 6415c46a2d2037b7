#include "access/imap/sorting.h"

#include <algorithm>

#include "access/imap/progress.h"
#include "access/imap/record_parts.h"
#include "access/imap/uid_sets.h"
#include "base/yield.h"

namespace posthouse::access::imap {

namespace {

using Known = std::shared_ptr<const KnownOrder>;

Task<std::optional<Reply>> read_sorted(Session& s, const store::UidList& uids, SortOrder& order) {
  const auto make = [criteria = order.criteria()](KnownOrder& part, const store::MessageRecord& message) {
    const size_t at = part.keys.size();
    append_sort_key(part.keys, criteria, {message.internal_date, message.size, message.summary});
    part.places.push_back({at, static_cast<uint32_t>(part.keys.size() - at), message.uid});
  };
  RecordParts<KnownOrder> parts(s, *s.view, all_of(uids), make);
  Progress progress(s, "Read", uids.size());
  bool room = true;
  while (!parts.done() && room) {
    co_await progress.at(parts.taken());
    const Result<KnownOrder> part = co_await parts.next();
    if (!part) co_return refuse(part.error());
    room = order.add(*part);
  }
  const Result<std::vector<store::Entry>> others = co_await parts.others();
  if (!others) co_return refuse(others.error());
  for (const store::Entry& entry : *others) room = room && order.add(entry, 0);
  if (!room) co_return no("Too much to sort at once", "LIMIT");
  co_await order.sort();
  co_return std::nullopt;
}

store::UidList uids_of(const SortOrder& order) {
  std::vector<store::Uid> uids;
  uids.reserve(order.items().size());
  for (const SortOrder::Item& item : order.items()) uids.push_back(item.uid);
  std::sort(uids.begin(), uids.end());
  store::UidList out;
  for (const store::Uid uid : uids) out.append(uid);
  return out;
}

// With what is new, which is sorted, and without what is not `there` any more.
Task<Known> merge(Known known, const SortOrder& news, const store::UidList& there) {
  static const auto nothing = std::make_shared<const KnownOrder>();
  if (!known) known = nothing;
  auto out = std::make_shared<KnownOrder>();
  const store::UidList still = common(known->uids, there);
  out->uids = together(still, uids_of(news));
  out->places.reserve(out->uids.size());
  const auto take = [&](std::string_view key, store::Uid uid) {
    out->places.push_back({out->keys.size(), static_cast<uint32_t>(key.size()), uid});
    out->keys += key;
  };
  const bool all = still.size() == known->uids.size();
  auto item = news.items().begin();
  size_t done = 0;
  for (const KnownOrder::Place& place : known->places) {
    if (++done % kSortTogether == 0) co_await LetOthers();
    if (!all && !still.contains(place.uid)) continue;
    const std::string_view key = known->key(place);
    for (; item != news.items().end(); ++item) {
      const int order = news.key(*item).compare(key);
      if (order > 0 || (order == 0 && item->uid > place.uid)) break;
      take(news.key(*item), item->uid);
    }
    take(key, place.uid);
  }
  for (; item != news.items().end(); ++item) {
    if (++done % kSortTogether == 0) co_await LetOthers();
    take(news.key(*item), item->uid);
  }
  co_return out;
}

}  // namespace

Task<std::optional<Reply>> find_sorted(Session& s, wire::imap::Search& c, uint32_t most, bool with_modseqs,
                                       SortOrder& order) {
  if (with_modseqs || order.needs_relevancy()) {
    std::optional<Reply> failed = co_await read_found(s, c, most, order);
    if (failed) co_return failed;
    co_await order.sort();
    co_return std::nullopt;
  }
  store::UidList found;
  std::optional<Reply> failed = co_await find_messages(s, c, most, found);
  if (failed) co_return failed;
  const Recall::Key key = Recall::key_of(*s.view, "order " + name_of(order.criteria()));
  Known known;
  if (s.services.recall != nullptr) known = s.services.recall->find<KnownOrder>(key);
  // To go through all that is known for a few messages takes longer than to read those.
  if (s.services.recall == nullptr || (known && known->uids.size() / kMuchLess > found.size()))
    co_return co_await read_sorted(s, found, order);
  const store::UidList unknown = known ? difference(found, known->uids) : found;
  if (!unknown.empty()) {
    SortOrder news(order.criteria());
    failed = co_await read_sorted(s, unknown, news);
    if (failed) co_return failed;
    if (!news.items().empty()) {
      known = co_await merge(std::move(known), news, s.view->uids);
      s.services.recall->keep(key, known, known->octets());
    }
    if (known) found = common(found, known->uids);
  }
  if (known) order.take(std::move(known), found);
  co_return std::nullopt;
}

}  // namespace posthouse::access::imap
