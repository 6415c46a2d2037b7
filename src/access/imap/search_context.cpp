#include "access/imap/search_context.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "access/imap/commands.h"
#include "access/imap/found_messages.h"
#include "access/imap/limits.h"
#include "access/imap/searcher.h"
#include "access/imap/sort_order.h"
#include "base/log.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::SearchKey;

// Message numbers mean the messages that have them now (section 4.3); so does "$".
void settle_numbers(SearchKey& key, const View& view) {
  for (SearchKey& child : key.children) settle_numbers(child, view);
  const bool numbers = key.type == SearchKey::sequence;
  if (!numbers && !(key.type == SearchKey::uid && key.set.saved)) return;
  const std::vector<wire::imap::NumberRange> messages = messages_of(view, key.set, !numbers);
  key.set = {};
  key.type = SearchKey::uid;
  for (const auto& range : messages)
    key.set.ranges.push_back({view.uids.at(range.first), view.uids.at(range.last)});
  if (!messages.empty()) return;
  SearchKey none;
  none.type = SearchKey::not_;
  none.children.emplace_back();
  key = std::move(none);
}

// Positions in the results (from 1), each with what stands or shall stand there.
using Places = std::vector<std::pair<size_t, store::Uid>>;

void begin_response(Session& s, const SearchContext& context, std::string_view item) {
  s.out += "* ESEARCH (TAG \"";
  s.out += context.tag;
  s.out += '"';
  s.out += context.correlators;
  s.out += context.uid ? ") UID " : ") ";
  s.out += item;
  s.out += " (";
}

uint32_t number_of(const Session& s, const SearchContext& context, store::Uid uid) {
  return context.uid ? uid : s.view->uids.sequence(uid);
}

// Results of a SEARCH are in the order of the mailbox: position 0.
void tell_set(Session& s, const SearchContext& context, std::string_view item,
              const std::vector<store::Uid>& uids) {
  if (uids.empty()) return;
  begin_response(s, context, item);
  s.out += "0 ";
  std::vector<uint32_t> numbers;
  for (const store::Uid uid : uids) numbers.push_back(number_of(s, context, uid));
  wire::imap::append_sequence_set(s.out, numbers);
  s.out += ")\r\n";
}

// Of a SORT: neighbours share a position. `removes`: each one that goes moves those behind it.
void tell_places(Session& s, const SearchContext& context, std::string_view item, const Places& places,
                 bool removes) {
  if (places.empty()) return;
  begin_response(s, context, item);
  for (size_t i = 0; i < places.size(); ++i) {
    const bool follows = i > 0 && places[i].first == places[i - 1].first + 1;
    if (follows) {
      s.out += ',';
    } else {
      if (i > 0) s.out += ' ';
      s.out += std::to_string(removes ? places[i].first - i : places[i].first) + ' ';
    }
    s.out += std::to_string(number_of(s, context, places[i].second));
  }
  s.out += ")\r\n";
}

// Those of `uids` (rising) that are results.
std::vector<store::Uid> those_in(const SearchContext& context, const std::vector<store::Uid>& uids) {
  std::vector<store::Uid> some;
  if (!context.is_sort()) {
    std::ranges::copy_if(uids, std::back_inserter(some),
                         [&](store::Uid uid) { return context.found.contains(uid); });
    return some;
  }
  for (const SearchContext::Item& item : context.sorted) {
    if (std::binary_search(uids.begin(), uids.end(), item.uid)) some.push_back(item.uid);
  }
  std::ranges::sort(some);
  return some;
}

void remove_sorted(Session& s, SearchContext& context, const std::set<store::Uid>& gone) {
  Places places;
  for (size_t i = 0; i < context.sorted.size(); ++i) {
    if (gone.contains(context.sorted[i].uid)) places.emplace_back(i + 1, context.sorted[i].uid);
  }
  tell_places(s, context, "REMOVEFROM", places, true);
  std::erase_if(context.sorted, [&](const auto& item) { return gone.contains(item.uid); });
}

void remove(Session& s, SearchContext& context, const std::vector<store::Uid>& gone) {
  if (context.is_sort()) return remove_sorted(s, context, {gone.begin(), gone.end()});
  tell_set(s, context, "REMOVEFROM", gone);
  context.found = store::without(context.found, gone);
}

// `added` (rising) has none that is there already.
store::UidList with(const store::UidList& list, const std::vector<store::Uid>& added) {
  store::UidList out;
  auto next = added.begin();
  for (const auto& run : list.runs()) {
    while (next != added.end() && *next < run.first) out.append(*next++);
    out.append_run(run.first, run.count);
  }
  while (next != added.end()) out.append(*next++);
  return out;
}

// The messages that match now, of those that were touched.
struct MatchingNow : SearchHits {
  void add(const SearchHit& hit) override { uids.push_back(hit.uid); }
  std::vector<store::Uid> uids;
};

wire::imap::Search restricted(const SearchContext& context, const std::vector<store::Uid>& uids) {
  wire::imap::Search search;
  search.uid = true;
  search.charset = "UTF-8";
  search.key.type = SearchKey::and_;
  SearchKey& some = search.key.children.emplace_back();
  some.type = SearchKey::uid;
  for (const store::Uid uid : uids) {
    if (!some.set.ranges.empty() && some.set.ranges.back().last + 1 == uid) {
      some.set.ranges.back().last = uid;
    } else {
      some.set.ranges.push_back({uid, uid});
    }
  }
  search.key.children.push_back(context.key);
  return search;
}

bool before(const SearchContext::Item& a, const SearchContext::Item& b) {
  return a.key == b.key ? a.uid < b.uid : a.key < b.key;
}

// Keys of sorts never change, so that only those that come have to be put in their places.
Task<Result<void>> add_sorted(Session& s, SearchContext& context, const std::vector<store::Uid>& added) {
  wire::imap::Search search = restricted(context, added);
  SortOrder order(context.criteria);
  std::optional<Reply> failed = co_await read_found(s, search, 0, order);
  if (failed) co_return fail(FaultKind::temporary, failed->text);
  std::set<store::Uid> fresh;
  std::vector<SearchContext::Item> come;
  for (const SortOrder::Item& item : order.items()) {
    come.push_back({std::string(order.key(item)), item.uid});
    fresh.insert(item.uid);
  }
  std::ranges::sort(come, before);
  std::vector<SearchContext::Item> all;
  all.reserve(context.sorted.size() + come.size());
  std::merge(std::move_iterator(context.sorted.begin()), std::move_iterator(context.sorted.end()),
             std::move_iterator(come.begin()), std::move_iterator(come.end()), std::back_inserter(all),
             before);
  context.sorted = std::move(all);
  Places places;
  for (size_t i = 0; i < context.sorted.size(); ++i) {
    if (fresh.contains(context.sorted[i].uid)) places.emplace_back(i + 1, context.sorted[i].uid);
  }
  tell_places(s, context, "ADDTO", places, false);
  co_return Result<void>();
}

// What all contexts of the view hold, about, in octets.
size_t weight(const SearchContext& context) {
  size_t octets = context.found.runs().size() * sizeof(store::UidList::Run);
  for (const SearchContext::Item& item : context.sorted) octets += sizeof(item) + item.key.size();
  return octets;
}

size_t weight(const View& view) {
  size_t octets = 0;
  for (const SearchContext& context : view.contexts) octets += weight(context);
  return octets;
}

void keep(Session& s, wire::imap::Search search, SearchContext context) {
  context.tag = s.tag;
  context.uid = search.uid;
  context.fetch = std::move(search.update);
  context.key = std::move(search.key);
  settle_numbers(context.key, *s.view);
  if (s.view->contexts.size() >= kContexts || weight(*s.view) + weight(context) > kContextMemory)
    return tell_no_update(s, context.tag);
  s.view->contexts.push_back(std::move(context));
}

Task<Result<void>> update(Session& s, SearchContext& context, std::vector<store::Uid> touched,
                          std::vector<store::Uid> fresh) {
  wire::imap::Search some = restricted(context, touched);
  MatchingNow now;
  SearchBound all;
  Result<void> searched = co_await search(s, some, now, all);
  if (!searched) co_return searched;
  std::vector<store::Uid> added;
  std::vector<store::Uid> removed;
  const std::vector<store::Uid> known = those_in(context, touched);
  for (const store::Uid uid : touched) {
    const bool matches = std::binary_search(now.uids.begin(), now.uids.end(), uid);
    if (matches == std::binary_search(known.begin(), known.end(), uid)) continue;
    (matches ? added : removed).push_back(uid);
  }
  if (!removed.empty()) remove(s, context, removed);
  if (added.empty()) co_return Result<void>();
  std::erase_if(fresh, [&](store::Uid uid) { return !std::binary_search(added.begin(), added.end(), uid); });
  if (!context.fetch.empty() && !fresh.empty()) {
    Result<void> told = co_await tell_items(s, context.fetch, std::move(fresh));
    if (!told) co_return told;
  }
  if (context.is_sort()) co_return co_await add_sorted(s, context, added);
  context.found = with(context.found, added);
  tell_set(s, context, "ADDTO", added);
  co_return Result<void>();
}

}  // namespace

void tell_no_update(Session& s, const std::string& tag) {
  append_status(s, "*", no("This search can't be kept up to date", "NOUPDATE \"" + tag + "\""));
}

bool has_context(const View& view, std::string_view tag) {
  return std::ranges::any_of(view.contexts, [&](const auto& context) { return context.tag == tag; });
}

bool reuses_tag(const Session& s, const wire::imap::Search& search) {
  return (search.results.value_or(0) & wire::imap::Search::kUpdate) != 0 && has_context(*s.view, s.tag);
}

void keep_context(Session& s, wire::imap::Search search, store::UidList found, std::string correlators) {
  SearchContext context;
  context.correlators = std::move(correlators);
  context.found = std::move(found);
  keep(s, std::move(search), std::move(context));
}

void keep_context(Session& s, wire::imap::Search search, std::vector<wire::imap::SortCriterion> criteria,
                  const SortOrder& order) {
  size_t octets = 0;
  for (const SortOrder::Item& item : order.items()) octets += item.size;
  if (octets > kContextMemory) return tell_no_update(s, s.tag);
  SearchContext context;
  context.criteria = std::move(criteria);
  for (const SortOrder::Item& item : order.items())
    context.sorted.push_back({std::string(order.key(item)), item.uid});
  keep(s, std::move(search), std::move(context));
}

void remove_from_contexts(Session& s, const std::vector<store::Uid>& gone) {
  for (SearchContext& context : s.view->contexts) {
    const std::vector<store::Uid> some = those_in(context, gone);
    if (!some.empty()) remove(s, context, some);
  }
}

Task<void> update_contexts(Session& s) {
  View& view = *s.view;
  std::vector<store::Uid> touched = std::move(view.touched);
  std::vector<store::Uid> fresh = std::move(view.fresh);
  view.touched.clear();
  view.fresh.clear();
  std::ranges::sort(touched);
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  std::erase_if(touched, [&](store::Uid uid) {
    return !view.uids.contains(uid) || std::binary_search(view.gone.begin(), view.gone.end(), uid);
  });
  if (touched.empty()) co_return;
  for (SearchContext& context : view.contexts) {
    Result<void> done = co_await update(s, context, touched, fresh);
    if (!done) {
      // All of them are asked anew: who was told meanwhile finds nothing more.
      log::warn("imap.context_failed", {{"sid", s.id}, {"what", done.error().what}});
      view.touched = std::move(touched);
      view.fresh = std::move(fresh);
      co_return;
    }
    if (s.wants_flush()) co_await s.flush();
  }
  // A result that has grown too large is given up, the latest first.
  while (!view.contexts.empty() && weight(view) > kContextMemory) {
    tell_no_update(s, view.contexts.back().tag);
    view.contexts.pop_back();
  }
}

// RFC 5267 section 4.3.5
Task<Reply> cmd_cancel_update(Session& s, wire::imap::CancelUpdate& c) {
  for (const std::string& tag : c.tags) {
    if (!has_context(*s.view, tag)) co_return no("There is no such search", "NONEXISTENT");
  }
  std::erase_if(s.view->contexts, [&](const SearchContext& context) {
    return std::ranges::find(c.tags, context.tag) != c.tags.end();
  });
  co_return ok("CANCELUPDATE done");
}

}  // namespace posthouse::access::imap
