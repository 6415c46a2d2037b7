#include "access/imap/view.h"

#include <algorithm>
#include <iterator>

#include "base/ascii.h"

namespace posthouse::access::imap {

uint32_t View::recent() const {
  return uids.size() + 1 - uids.lower_bound(recent_from);
}

bool View::already_told(const store::Entry& entry) const {
  return std::binary_search(own.begin(), own.end(), std::pair(entry.uid, entry.modseq));
}

void View::told(store::Uid uid, store::ModSeq modseq) {
  touch(uid);
  if (modseq <= known) return;  // the next look at the changes won't find it
  const std::pair item(uid, modseq);
  if (own.empty() || own.back() < item) {
    own.push_back(item);
  } else {
    auto place = std::lower_bound(own.begin(), own.end(), item);
    if (*place != item) own.insert(place, item);
  }
}

void View::add_gone(const std::vector<store::Uid>& vanished) {
  std::vector<store::Uid> those;
  std::copy_if(vanished.begin(), vanished.end(), std::back_inserter(those),
               [&](store::Uid uid) { return uids.contains(uid); });
  if (those.empty()) return;
  if (gone.empty()) before_gone = known;
  std::vector<store::Uid> all;
  std::set_union(gone.begin(), gone.end(), those.begin(), those.end(), std::back_inserter(all));
  gone = std::move(all);
}

bool View::learn_keywords(const std::vector<std::string>& seen) {
  bool learned = false;
  for (const std::string& keyword : seen) {
    auto same = [&](const std::string& have) { return iequals(have, keyword); };
    if (std::any_of(keywords.begin(), keywords.end(), same)) continue;
    keywords.push_back(keyword);
    learned = true;
  }
  return learned;
}

std::vector<wire::imap::NumberRange> messages_of(const View& view, const store::UidList& uids) {
  std::vector<wire::imap::NumberRange> messages;
  if (view.uids.empty()) return messages;
  for (const auto& run : uids.runs()) {
    const store::Uid end = run.first + (run.count - 1);
    const uint32_t first = view.uids.lower_bound(run.first);
    const uint32_t last = view.uids.lower_bound(end) - (view.uids.contains(end) ? 0 : 1);
    if (first > last) continue;
    if (!messages.empty() && messages.back().last + 1 == first) {
      messages.back().last = last;
    } else {
      messages.push_back({first, last});
    }
  }
  return messages;
}

std::vector<wire::imap::NumberRange> messages_of(const View& view, const wire::imap::SequenceSet& set,
                                                 bool uid) {
  if (view.uids.empty()) return {};
  // Messages that are gone meanwhile are in no range (RFC 5182 section 2.1).
  if (set.saved) return messages_of(view, view.saved);
  std::vector<wire::imap::NumberRange> ranges = resolve(set, uid ? view.uids.last() : view.uids.size());
  std::vector<wire::imap::NumberRange> messages;
  messages.reserve(ranges.size());
  for (const auto& range : ranges) {
    uint32_t first = range.first;
    uint32_t last = std::min(range.last, view.uids.size());
    if (uid) {
      first = view.uids.lower_bound(range.first);
      last = range.last >= view.uids.last() ? view.uids.size() : view.uids.lower_bound(range.last + 1) - 1;
    }
    if (first <= last) messages.push_back({first, last});
  }
  return messages;
}

std::vector<store::Uid> uids_of(const View& view, const std::vector<wire::imap::NumberRange>& messages) {
  std::vector<store::Uid> found;
  for (const auto& range : messages) {
    for (uint32_t number = range.first; number <= range.last; number++) found.push_back(view.uids.at(number));
  }
  return found;
}

}  // namespace posthouse::access::imap
