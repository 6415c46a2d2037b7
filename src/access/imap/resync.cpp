#include "access/imap/resync.h"

#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/limits.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::NumberRange;

// Those of the rising UIDs that are within the ranges and not in the view: what is in the view and gone is
// told as VANISHED without EARLIER in its own time.
void add_absent(const View& view, const std::vector<NumberRange>& within, const std::vector<store::Uid>& uids,
                std::vector<NumberRange>& out) {
  for (const store::Uid uid : uids) {
    if (!wire::imap::contains(within, uid) || view.uids.contains(uid)) continue;
    if (!out.empty() && out.back().last + 1 == uid) {
      out.back().last = uid;
    } else {
      out.push_back({uid, uid});
    }
  }
}

// All UIDs within the ranges that the view does not have: the answer where the log of changes does not reach
// back (RFC 7162 section 3.2.6). Ranges against runs, as there may be billions of UIDs.
std::vector<NumberRange> all_absent(const View& view, const std::vector<NumberRange>& within) {
  std::vector<NumberRange> out;
  auto run = view.uids.runs().begin();
  const auto end = view.uids.runs().end();
  for (const NumberRange& range : within) {
    uint64_t from = range.first;
    const uint64_t last = std::min<uint64_t>(range.last, view.next_uid - 1);
    while (run != end && run->first + (run->count - 1) < from) ++run;
    for (auto at = run; at != end && at->first <= last && from <= last; ++at) {
      if (at->first > from) out.push_back({static_cast<uint32_t>(from), at->first - 1});
      from = uint64_t{at->first} + at->count;
    }
    if (from <= last) out.push_back({static_cast<uint32_t>(from), static_cast<uint32_t>(last)});
  }
  return out;
}

// Up to which UID the client knows of all expunges: its samples of message numbers and UIDs are still true
// (RFC 7162 section 3.2.5.2).
store::Uid matched_until(const View& view, const wire::imap::Resync& resync) {
  const std::vector<NumberRange> numbers = resolve(resync.match_numbers, 0);
  const std::vector<NumberRange> uids = resolve(resync.match_uids, 0);
  store::Uid matched = 0;
  auto uid = uids.begin();
  uint32_t in_range = 0;
  for (const NumberRange& range : numbers) {
    for (uint32_t number = range.first; number <= range.last && number <= view.uids.size(); ++number) {
      if (uid == uids.end() || view.uids.at(number) != uid->first + in_range) return matched;
      matched = uid->first + in_range;
      if (uid->first + in_range == uid->last) {
        ++uid;
        in_range = 0;
      } else {
        ++in_range;
      }
    }
  }
  return matched;
}

std::vector<NumberRange> above(std::vector<NumberRange> ranges, store::Uid least) {
  std::erase_if(ranges, [&](const NumberRange& range) { return range.last <= least; });
  if (!ranges.empty()) ranges.front().first = std::max(ranges.front().first, least + 1);
  return ranges;
}

Task<void> tell_vanished(Session& s, std::vector<NumberRange> ranges) {
  // In lines of bounded length.
  for (size_t at = 0; at < ranges.size(); at += kVanishedTogether) {
    s.out += "* VANISHED (EARLIER) ";
    const size_t end = std::min(ranges.size(), at + kVanishedTogether);
    for (size_t i = at; i < end; i++) {
      if (i > at) s.out += ',';
      s.out += std::to_string(ranges[i].first);
      if (ranges[i].last != ranges[i].first) s.out += ':' + std::to_string(ranges[i].last);
    }
    s.out += "\r\n";
    if (s.wants_flush()) co_await s.flush();
  }
}

// `matched`: up to this UID the client knows what went, if the log of changes does not.
Task<void> tell_gone(Session& s, const store::Changes& changes, std::vector<NumberRange> known,
                     store::Uid matched) {
  std::vector<NumberRange> gone;
  if (changes.forgetful) {
    gone = all_absent(*s.view, above(std::move(known), matched));
  } else {
    std::vector<store::Uid> all;
    std::ranges::set_union(changes.vanished, changes.passed, std::back_inserter(all));
    add_absent(*s.view, known, all, gone);
  }
  co_await tell_vanished(s, std::move(gone));
}

}  // namespace

Task<Result<void>> tell_resync(Session& s, wire::imap::Resync resync) {
  Result<store::Changes> found = co_await s.store().changes(s.view->account, s.view->mailbox, resync.modseq);
  if (!found) co_return std::unexpected(found.error());
  const store::Changes changes = std::move(*found);
  // Without a set it is all that there ever was.
  std::vector<NumberRange> known = {{1, UINT32_MAX}};
  if (resync.uids) known = resolve(*resync.uids, 0);
  co_await tell_gone(s, changes, known, matched_until(*s.view, resync));
  bool learned = false;
  for (const store::Entry& entry : changes.changed) learned |= s.view->learn_keywords(entry.flags.keywords);
  if (learned) tell_known_flags(s);
  for (const store::Entry& entry : changes.changed) {
    const uint32_t sequence = s.view->uids.sequence(entry.uid);
    if (sequence == 0 || !wire::imap::contains(known, entry.uid)) continue;
    tell_flags(s, sequence, entry);
    s.view->told(entry);
    if (s.wants_flush()) co_await s.flush();
  }
  co_return Result<void>();
}

Task<Result<std::vector<NumberRange>>> changed_since(Session& s, wire::imap::SequenceSet set, bool uid,
                                                     store::ModSeq since, bool vanished) {
  Result<store::Changes> found = co_await s.store().changes(s.view->account, s.view->mailbox, since);
  if (!found) co_return std::unexpected(found.error());
  // "*" stands for what is there; but who asks for "n:*" wants to know of all that went behind n.
  if (vanished) co_await tell_gone(s, *found, resolve(set, s.view->next_uid - 1), 0);
  const std::vector<NumberRange> within = messages_of(*s.view, set, uid);
  std::vector<NumberRange> messages;
  for (const store::Entry& entry : found->changed) {
    const uint32_t sequence = s.view->uids.sequence(entry.uid);
    if (sequence == 0 || !wire::imap::contains(within, sequence)) continue;
    if (!messages.empty() && messages.back().last + 1 == sequence) {
      messages.back().last = sequence;
    } else {
      messages.push_back({sequence, sequence});
    }
  }
  co_return std::move(messages);
}

}  // namespace posthouse::access::imap
