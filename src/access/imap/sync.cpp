// Brings the view up to date and tells the client what happened (RFC 3501 sections 5.2, 7.3 and 7.4).
#include <algorithm>
#include <set>
#include <utility>

#include "access/imap/commands.h"
#include "access/imap/sharing.h"
#include "base/log.h"
#include "store/limits.h"
#include "wire/imap/flags.h"

namespace posthouse::access::imap {

namespace {

void tell_new(Session& s, const std::vector<store::Entry>& changed) {
  View& view = *s.view;
  const store::Uid before = view.next_uid;
  for (const store::Entry& entry : changed) {
    if (entry.uid < view.next_uid) continue;
    view.uids.append(entry.uid);
    view.next_uid = entry.uid + 1;
  }
  if (view.next_uid == before) return;
  s.untagged(std::to_string(view.uids.size()) + " EXISTS");
  tell_recent(s);
}

void learn_keywords(Session& s, const std::vector<store::Entry>& changed) {
  bool learned = false;
  for (const store::Entry& entry : changed) learned |= s.view->learn_keywords(entry.flags.keywords);
  if (learned) tell_known_flags(s);
}

Task<void> tell_changed(Session& s, const std::vector<store::Entry>& changed, store::Uid first_new) {
  for (const store::Entry& entry : changed) {
    if (entry.uid >= first_new || s.view->already_told(entry)) continue;
    const uint32_t sequence = s.view->uids.sequence(entry.uid);
    if (sequence == 0) continue;
    tell_flags(s, sequence, entry);
    if (s.wants_flush()) co_await s.flush();
  }
}

// The UIDs of the view that are no more, found by comparing all.
Task<Result<std::vector<store::Uid>>> missing(Session& s) {
  Result<store::MailStore::Opened> now = co_await s.store().open(s.view->account, s.view->mailbox, false);
  if (!now) co_return std::unexpected(now.error());
  std::vector<store::Uid> gone;
  for (uint32_t number = 1; number <= s.view->uids.size(); number++) {
    const store::Uid uid = s.view->uids.at(number);
    if (!now->uids.contains(uid)) gone.push_back(uid);
  }
  co_return std::move(gone);
}

// What happened since the last look, also if that is longer ago than the store remembers.
Task<Result<store::Changes>> news(Session& s) {
  Result<store::Changes> found = co_await s.store().changes(s.view->account, s.view->mailbox, s.view->known,
                                                            std::exchange(s.view->put, {}));
  if (!found || !found->forgetful) co_return found;
  Result<std::vector<store::Uid>> gone = co_await missing(s);
  if (!gone) co_return std::unexpected(gone.error());
  found->vanished = std::move(*gone);
  co_return found;
}

}  // namespace

void append_flags(Session& s, const store::Entry& entry) {
  wire::imap::append_flags(s.out, entry.flags.system, entry.flags.keywords,
                           !s.rev2 && s.view->is_recent(entry.uid));
}

void tell_recent(Session& s) {
  if (!s.rev2) s.untagged(std::to_string(s.view->recent()) + " RECENT");
}

void begin_fetch(Session& s, uint32_t sequence, store::Uid uid) {
  s.out += "* ";
  s.out += std::to_string(s.uid_only ? uid : sequence);
  s.out += s.uid_only ? " UIDFETCH (" : " FETCH (";
}

namespace {

// The same with the UID, where no number stands before.
void begin_update(Session& s, uint32_t sequence, store::Uid uid) {
  begin_fetch(s, sequence, uid);
  if (!s.uid_only) s.out += "UID " + std::to_string(uid) + " ";
}

}  // namespace

void tell_flags(Session& s, uint32_t sequence, const store::Entry& entry) {
  begin_update(s, sequence, entry.uid);
  s.out += "FLAGS ";
  append_flags(s, entry);
  if (s.condstore) {
    s.out += ' ';
    append_modseq(s, entry);
  }
  s.out += ")\r\n";
}

void tell_modseq(Session& s, uint32_t sequence, const store::Entry& entry) {
  begin_update(s, sequence, entry.uid);
  append_modseq(s, entry);
  s.out += ")\r\n";
}

void tell_known_flags(Session& s) {
  constexpr uint8_t kAll = wire::imap::kSeen | wire::imap::kAnswered | wire::imap::kFlagged |
                           wire::imap::kDeleted | wire::imap::kDraft;
  s.out += "* FLAGS ";
  wire::imap::append_flags(s.out, kAll, s.view->keywords);
  s.out += "\r\n* OK [PERMANENTFLAGS ";
  if (s.view->read_only) {
    s.out += "()] Read-only\r\n";
    return;
  }
  // RFC 4314 section 5.1.1: those that this user may change
  const store::FlagMask mask = mask_of(s.view->rights);
  const std::vector<std::string> none;
  const bool room = mask.keywords && s.view->keywords.size() < store::kMaxKeywords;
  wire::imap::append_flags(s.out, kAll & mask.system, mask.keywords ? s.view->keywords : none, false, room);
  s.out += "] Flags that are kept\r\n";
}

void tell_expunged(Session& s, std::vector<store::Uid> uids, bool from_end) {
  View& view = *s.view;
  std::erase_if(uids, [&](store::Uid uid) { return !view.uids.contains(uid); });
  if (uids.empty()) return;
  remove_from_contexts(s, uids);
  if (s.qresync || s.uid_only) {
    s.out += "* VANISHED ";
    wire::imap::append_sequence_set(s.out, uids);
    s.out += "\r\n";
    // The MODSEQ of an expunge of this session has to be told with its end (RFC 7162 section 3.2.7).
    view.stale = view.stale || s.qresync;
  } else if (from_end) {
    for (size_t i = uids.size(); i-- > 0;)
      s.untagged(std::to_string(view.uids.sequence(uids[i])) + " EXPUNGE");
  } else {
    uint32_t told = 0;
    for (const store::Uid uid : uids)
      s.untagged(std::to_string(view.uids.sequence(uid) - told++) + " EXPUNGE");
  }
  view.uids = store::without(view.uids, uids);
  std::vector<store::Uid> rest;
  std::set_difference(view.gone.begin(), view.gone.end(), uids.begin(), uids.end(), std::back_inserter(rest));
  view.gone = std::move(rest);
}

namespace {

// RFC 5465 section 5.2: what the client wants to know of new messages.
Task<void> tell_new_items(Session& s, std::vector<store::Entry> changed, store::Uid first_new) {
  if (!s.observer) co_return;
  const std::set<store::Uid> mine = std::exchange(s.observer->mine, {});
  const wire::imap::NotifyGroup* group = s.observer->for_selected();
  if (group == nullptr || group->fetch.empty()) co_return;
  std::vector<store::Uid> uids;
  for (const store::Entry& entry : changed) {
    if (entry.uid >= first_new && s.view->uids.contains(entry.uid) && !mine.contains(entry.uid))
      uids.push_back(entry.uid);
  }
  if (uids.empty()) co_return;
  Result<void> told = co_await tell_items(s, group->fetch, std::move(uids));
  if (!told) log::warn("imap.not_fetched", {{"sid", s.id}, {"what", told.error().what}});
}

// What others did since the last look. False: it could not be told.
Task<bool> tell_news(Session& s, bool may_expunge) {
  Result<store::Changes> found = co_await news(s);
  const bool lost = !found && found.error().kind == FaultKind::not_found;
  if (lost || (found && found->mailbox_gone)) {
    // RFC 2180 section 3.3: another session has deleted the mailbox.
    throw SessionEnd{"The mailbox was deleted", Fault{FaultKind::not_found, "selected mailbox deleted"}};
  }
  if (!found) {
    // The view stays as it is and valid; the next command tries again.
    s.view->stale = true;
    log::warn("imap.sync_failed", {{"sid", s.id}, {"what", found.error().what}});
    co_return false;
  }
  const store::Changes changes = std::move(*found);
  const store::Uid first_new = s.view->next_uid;
  s.view->add_gone(changes.vanished);
  remove_from_contexts(s, s.view->gone);  // RFC 5267 section 4.3.4: before EXPUNGE, which may have to wait
  if (may_expunge && !s.view->gone.empty()) tell_expunged(s, std::vector<store::Uid>(s.view->gone));
  learn_keywords(s, changes.changed);
  tell_new(s, changes.changed);
  if (!s.observer || s.observer->wants_flags()) co_await tell_changed(s, changes.changed, first_new);
  co_await tell_new_items(s, changes.changed, first_new);
  for (const store::Entry& entry : changes.changed) {
    s.view->touch(entry.uid);
    if (entry.uid >= first_new && !s.view->contexts.empty()) s.view->fresh.push_back(entry.uid);
  }
  s.view->known = std::max(s.view->known, changes.highest);
  s.view->own.clear();
  s.view->stale = false;
  co_return true;
}

}  // namespace

Task<void> sync(Session& s, Tell tell) {
  if (!s.view || tell == Tell::nothing) co_return;
  // RFC 5465 section 3.1
  if (s.observer && !s.observer->wants_messages()) co_return;
  const bool told_of_change = s.view->waker.take() || s.view->stale;
  const bool may_expunge = tell != Tell::all_but_gone;
  if (told_of_change || tell == Tell::all_now) {
    co_await refresh_rights(s);
    const bool told = co_await tell_news(s, may_expunge);
    if (!told) co_return;
  } else if (may_expunge && !s.view->gone.empty()) {
    tell_expunged(s, std::vector<store::Uid>(s.view->gone));
  }
  if (!s.view->touched.empty()) co_await update_contexts(s);
}

}  // namespace posthouse::access::imap
