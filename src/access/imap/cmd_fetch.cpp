// FETCH and UID FETCH (RFC 3501 sections 6.4.5 and 7.4.2; MODSEQ, CHANGEDSINCE, VANISHED: RFC 7162; PARTIAL:
// RFC 9394; BINARY: RFC 3516; PREVIEW: RFC 8970).
#include <span>

#include "access/imap/batches.h"
#include "access/imap/commands.h"
#include "access/imap/fetch_decoded.h"
#include "access/imap/fetch_octets.h"
#include "access/imap/fetch_plan.h"
#include "access/imap/known_fields.h"
#include "access/imap/limits.h"
#include "access/imap/message_limit.h"
#include "access/imap/object_id.h"
#include "access/imap/resync.h"
#include "base/log.h"
#include "message/summary.h"
#include "wire/imap/date.h"
#include "wire/imap/encode.h"
#include "wire/imap/flags.h"

namespace posthouse::access::imap {

namespace {

using wire::imap::FetchItem;

void append_time(std::string& out, SystemTime time) {
  wire::imap::append_date_time(out,
                               std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

// An item that needs nothing but the entry.
void append_item(Session& s, const FetchPart& part, const store::Entry& entry) {
  if (part.type == FetchItem::modseq) return append_modseq(s, entry);
  std::string& out = s.out;
  out += part.label;
  out += ' ';
  switch (part.type) {
    case FetchItem::flags:
      append_flags(s, entry);
      break;
    case FetchItem::uid:
      out += std::to_string(entry.uid);
      break;
    case FetchItem::internal_date:
      append_time(out, entry.internal_date);
      break;
    case FetchItem::rfc822_size:
      out += std::to_string(entry.size);
      break;
    case FetchItem::envelope:
      message::append_imap_envelope(out, entry.summary, s.utf8());
      break;
    case FetchItem::body_structure:
      message::append_imap_bodystructure(out, entry.summary, true, s.utf8());
      break;
    case FetchItem::body_shape:
      message::append_imap_bodystructure(out, entry.summary, false, s.utf8());
      break;
    case FetchItem::email_id:
      out += '(' + email_id(entry) + ')';
      break;
    case FetchItem::thread_id:
      out += "NIL";  // RFC 8474 section 5.2: no threads are kept
      break;
    case FetchItem::save_date:
      if (entry.saved == SystemTime{}) {
        out += "NIL";  // of messages that came before it was noted
      } else {
        append_time(out, entry.saved);
      }
      break;
    case FetchItem::preview: {
      const std::optional<message::Overview> overview = message::read_overview(entry.summary);
      wire::imap::append_string(out, overview ? overview->preview : std::string(), s.utf8());
      break;
    }
    case FetchItem::body:
    case FetchItem::binary:
    case FetchItem::binary_size:
    case FetchItem::rfc822:
    case FetchItem::rfc822_header:
    case FetchItem::rfc822_text:
    case FetchItem::modseq:
      break;
  }
}

// One FETCH command at work.
class Fetcher {
 public:
  // `from_end`: of each batch the last message is told first.
  Fetcher(Session& s, FetchPlan plan, bool from_end)
      : s_(s), plan_(std::move(plan)), from_end_(from_end), fields_(s, plan_) {}

  // What batch() needs of the entries of `messages`, which are not none. Where fields were asked for before,
  // of most messages nothing but the flags.
  Wanted wanted(const std::vector<wire::imap::NumberRange>& messages) {
    if (fields_.needs_flags_only()) {
      const store::UidList& uids = s_.view->uids;
      std::vector<KnownFields::Piece> pieces;
      flags_only_ = fields_.find(uids.at(messages.front().first), pieces) ||
                    fields_.find(uids.at(messages.back().last), pieces);
    }
    if (flags_only_) return Wanted::flags;
    if (plan_.needs_summary) return plan_.needs_octets || plan_.needs_ids ? Wanted::summary : Wanted::shape;
    return plan_.needs_entry ? Wanted::entry : Wanted::flags;
  }

  bool damaged() const { return damaged_; }
  bool unreadable() const { return unreadable_; }
  bool unknown_encoding() const { return unknown_encoding_; }
  uint64_t found() const { return found_; }

  // Of those whose octets were not there some are still in the mailbox: they were not expunged meanwhile.
  Task<bool> has_lost() {
    if (lost_.empty()) co_return false;
    Result<std::vector<store::Entry>> there =
        co_await s_.store().entries(s_.view->account, s_.view->mailbox, std::move(lost_), false);
    if (!there || there->empty()) co_return false;
    log::warn("imap.unreadable", {{"sid", s_.id}, {"uid", there->front().uid}, {"what", "its body is lost"}});
    co_return true;
  }

  // All of them. The next batch is read while one is told that takes long, and with it the first of its
  // letters.
  Task<Result<void>> tell(Batches& batches) {
    const bool ahead = plan_.needs_octets && !fields_.usable() && !from_end_;
    std::optional<std::vector<store::Entry>> following;
    while (!batches.done() || following) {
      Result<std::vector<store::Entry>> entries;
      if (following) {
        entries = std::move(*std::exchange(following, std::nullopt));
      } else {
        entries = co_await batches.next(s_, *s_.view);
      }
      if (!entries) co_return std::unexpected(entries.error());
      if (ahead && !batches.done()) {
        Result<std::vector<store::Entry>> next = co_await batches.next(s_, *s_.view);
        if (!next) co_return std::unexpected(next.error());
        following = std::move(*next);
        batches.begin_next(s_, *s_.view);
      }
      Result<void> done = co_await batch(std::move(*entries), following ? &*following : nullptr);
      if (!done) co_return done;
    }
    co_return Result<void>();
  }

 private:
  // `following`: what comes behind them, if that is known.
  Task<Result<void>> batch(std::vector<store::Entry> entries, const std::vector<store::Entry>* following) {
    found_ += entries.size();
    std::vector<store::Uid> seen_now;
    if (plan_.sets_seen && s_.view->may(store::kMaySetSeen)) {
      // What can't be marked (a full disk) can be read all the same.
      Result<void> marked = co_await mark_seen(entries, seen_now);
      if (!marked) log::warn("imap.not_marked_seen", {{"sid", s_.id}, {"what", marked.error().what}});
    }
    if (fields_.usable()) co_return co_await with_known_fields(std::move(entries), seen_now);
    for (size_t i = 0; i < entries.size(); i++) {
      const size_t at = from_end_ ? entries.size() - 1 - i : i;
      const uint32_t sequence = s_.view->uids.sequence(entries[at].uid);
      if (sequence == 0) continue;
      if (plan_.needs_octets) {
        const Course course{entries, from_end_, following};
        co_await ahead_.fill(s_, s_.view->account, course, i);
        const bool marked = std::binary_search(seen_now.begin(), seen_now.end(), entries[at].uid);
        co_await with_octets(entries[at], sequence, marked, ahead_.find(entries[at].uid));
      } else {
        entry_only(entries[at], sequence);
      }
      if (s_.wants_flush()) co_await s_.flush();
    }
    co_return Result<void>();
  }

 private:
  // Some messages of a batch, where the fields of some letters are known.
  struct Some {
    std::span<store::Entry> messages;
    std::vector<KnownFields::Piece> pieces;
    std::vector<size_t> pieces_of;      // of each message where its pieces begin; kUnknown: there are none
    std::vector<store::Entry> unknown;  // those of that kind, with all that is needed to read them
  };
  static constexpr size_t kUnknown = SIZE_MAX;

  Some look_up(std::span<store::Entry> messages) {
    Some some{messages, {}, {}, {}};
    for (store::Entry& entry : messages) {
      const size_t at = some.pieces.size();
      const bool known = fields_.find(entry.uid, some.pieces);
      some.pieces_of.push_back(known ? at : kUnknown);
      if (!known) some.unknown.push_back(entry);
    }
    return some;
  }

  // batch(): only letters whose fields are not known are read, a few at a time.
  Task<Result<void>> with_known_fields(std::vector<store::Entry> entries,
                                       const std::vector<store::Uid>& seen_now) {
    const size_t all = entries.size();
    for (size_t done = 0; done < all; done += kEntriesWithSummary) {
      const size_t count = std::min(kEntriesWithSummary, all - done);
      Some some = look_up(std::span(entries).subspan(from_end_ ? all - done - count : done, count));
      if (flags_only_ && !some.unknown.empty()) {
        Result<std::vector<store::Entry>> read =
            co_await s_.store().entries(s_.view->account, s_.view->mailbox, uids_of(some.unknown), true);
        if (!read) co_return std::unexpected(read.error());
        found_ -= some.unknown.size() - read->size();
        some.unknown = std::move(*read);
      }
      co_await tell_some(some, seen_now);
    }
    co_return Result<void>();
  }

  Task<void> tell_some(const Some& some, const std::vector<store::Uid>& seen_now) {
    ReadAhead ahead;
    for (size_t i = 0; i < some.messages.size(); i++) {
      const size_t place = from_end_ ? some.messages.size() - 1 - i : i;
      const store::Uid uid = some.messages[place].uid;
      const uint32_t sequence = s_.view->uids.sequence(uid);
      if (sequence == 0) continue;
      const bool marked = std::binary_search(seen_now.begin(), seen_now.end(), uid);
      if (some.pieces_of[place] != kUnknown) {
        from_known(some.messages[place], sequence, marked, some.pieces.data() + some.pieces_of[place]);
      } else {
        const auto read = std::ranges::lower_bound(some.unknown, uid, {}, &store::Entry::uid);
        if (read == some.unknown.end() || read->uid != uid) continue;
        const auto at = static_cast<size_t>(read - some.unknown.begin());
        const Course course{some.unknown, from_end_};
        co_await ahead.fill(s_, s_.view->account, course, from_end_ ? some.unknown.size() - 1 - at : at);
        co_await with_octets(*read, sequence, marked, ahead.find(uid));
      }
      if (s_.wants_flush()) co_await s_.flush();
    }
  }

  // `piece`: the first of the message's.
  void from_known(store::Entry& entry, uint32_t sequence, bool marked, const KnownFields::Piece* piece) {
    if (flags_only_) {
      entry.size = piece->letter->size;
      entry.internal_date = piece->letter->internal_date;
    }
    begin_fetch(s_, sequence, entry.uid);
    for (size_t i = 0; i < plan_.parts.size(); i++) {
      const FetchPart& part = plan_.parts[i];
      if (i > 0) s_.out += ' ';
      if (part.has_octets()) {
        append_fields(s_.out, part, (piece++)->fields());
      } else {
        append_item(s_, part, entry);
      }
    }
    end(entry, marked);
  }

  // Sets \Seen where it is missing; `entries` have their new flags then, and `seen_now` those that changed.
  Task<Result<void>> mark_seen(std::vector<store::Entry>& entries, std::vector<store::Uid>& seen_now) {
    std::vector<store::Uid> unseen;
    for (const store::Entry& entry : entries) {
      if ((entry.flags.system & store::kSeen) == 0) unseen.push_back(entry.uid);
    }
    if (unseen.empty()) co_return Result<void>();
    store::FlagUpdate update;
    update.change = store::FlagChange::add;
    update.flags.system = store::kSeen;
    Result<store::MailStore::Updated> updated =
        co_await s_.store().update_flags(s_.view->account, s_.view->mailbox, std::move(unseen), update);
    if (!updated) co_return std::unexpected(updated.error());
    auto entry = entries.begin();
    for (store::Entry& changed : updated->entries) {
      while (entry != entries.end() && entry->uid < changed.uid) ++entry;
      if (entry == entries.end() || entry->uid != changed.uid) continue;
      entry->flags = std::move(changed.flags);
      entry->modseq = changed.modseq;
      s_.view->told(*entry);
      seen_now.push_back(changed.uid);
    }
    co_return Result<void>();
  }

  // Decodes the shape where the octets of a part have to be found.
  std::optional<message::Summary> shape_of(const store::Entry& entry) {
    if (!plan_.needs_octets || !plan_.needs_summary) return std::nullopt;
    Result<message::Summary> decoded = message::decode(entry.summary);
    if (decoded) return std::move(*decoded);
    damaged_ = true;
    log::warn("imap.damaged_summary", {{"sid", s_.id}, {"uid", entry.uid}, {"what", decoded.error().what}});
    return std::nullopt;
  }

  // The flags that this FETCH has changed are part of its answer (RFC 3501 section 6.4.5), and with them what
  // names the change (RFC 7162 section 3.2.4).
  void end(const store::Entry& entry, bool marked) {
    if (marked && !plan_.tells_flags) {
      s_.out += " FLAGS ";
      append_flags(s_, entry);
    }
    // RFC 9051 section 7.5.2: flags that nobody asked for come with the UID
    if (marked && (s_.condstore || s_.rev2) && !plan_.tells_uid && !s_.uid_only)
      s_.out += " UID " + std::to_string(entry.uid);
    if (marked && s_.condstore && !plan_.tells_modseq) {
      s_.out += ' ';
      append_modseq(s_, entry);
    }
    s_.out += ")\r\n";
  }

  void entry_only(const store::Entry& entry, uint32_t sequence) {
    begin_fetch(s_, sequence, entry.uid);
    for (size_t i = 0; i < plan_.parts.size(); i++) {
      if (i > 0) s_.out += ' ';
      append_item(s_, plan_.parts[i], entry);
    }
    end(entry, false);
  }

  Task<void> with_octets(const store::Entry& entry, uint32_t sequence, bool marked,
                         const std::string* whole) {
    const std::optional<message::Summary> shape = shape_of(entry);
    const uint64_t flushed = s_.flushes;
    const size_t before = s_.out.size();
    begin_fetch(s_, sequence, entry.uid);
    for (size_t i = 0; i < plan_.parts.size(); i++) {
      const FetchPart& part = plan_.parts[i];
      if (i > 0) s_.out += ' ';
      if (part.has_octets()) {
        const message::Summary* summary = shape ? &*shape : nullptr;
        std::optional<std::string> picked;
        Result<void> written = co_await write_part(part, entry, summary, whole, picked);
        if (picked) fields_.add(i, entry, *picked);
        if (!written && missed(entry, written.error())) {
          if (s_.flushes == flushed) co_return s_.out.resize(before);
        }
      } else {
        append_item(s_, part, entry);
      }
    }
    end(entry, marked);
  }

  Task<Result<void>> write_part(const FetchPart& part, const store::Entry& entry,
                                const message::Summary* summary, const std::string* whole,
                                std::optional<std::string>& picked) {
    if (part.is_decoded()) return write_decoded(s_, part, entry, summary, whole);
    return write_octets(s_, part, entry, summary, whole, picked);
  }

  // Octets that can't be read. True: nothing is to be told of the message, as a client would keep NIL for
  // what it is. One that others took away is as one that was expunged (RFC 2180 section 4.1); one whose file
  // can't be read now may be asked for again.
  bool missed(const store::Entry& entry, const Fault& fault) {
    if (fault.kind == FaultKind::permanent) {  // RFC 3516 section 4.3
      unknown_encoding_ = true;
      return true;
    }
    if (fault.kind == FaultKind::not_found) {
      --found_;
      if (entry.blob != 0 && lost_.size() < kMostLost) lost_.push_back(entry.uid);
      return true;
    }
    log::warn("imap.unreadable", {{"sid", s_.id}, {"uid", entry.uid}, {"what", fault.what}});
    damaged_ = damaged_ || fault.kind == FaultKind::corrupt;
    unreadable_ = unreadable_ || fault.kind != FaultKind::corrupt;
    return fault.kind != FaultKind::corrupt;
  }

  Session& s_;
  FetchPlan plan_;
  bool from_end_;
  bool damaged_ = false;
  bool unreadable_ = false;
  bool unknown_encoding_ = false;
  uint64_t found_ = 0;
  ReadAhead ahead_;
  std::vector<store::Uid> lost_;  // of the store itself, not of files that others may remove
  KnownFields fields_;
  bool flags_only_ = false;  // entries have no more
};

// RFC 9394 section 3.3
std::vector<wire::imap::NumberRange> part_of(const std::vector<wire::imap::NumberRange>& messages,
                                             const wire::imap::PartialRange& range) {
  uint32_t count = 0;
  for (const auto& some : messages) count += some.last - some.first + 1;
  const auto places = range.of(count);
  return places ? slice(messages, *places) : std::vector<wire::imap::NumberRange>();
}

bool asks_for_modseq(const wire::imap::Fetch& c) {
  return std::any_of(c.items.begin(), c.items.end(),
                     [](const FetchItem& item) { return item.type == FetchItem::modseq; });
}

uint64_t size_of(const wire::imap::PartialRange& range) {
  return uint64_t{std::max(range.first, range.last)} - std::min(range.first, range.last) + 1;
}

// `asked`: for messages by their numbers.
Task<Reply> outcome(Fetcher& fetcher, uint64_t asked) {
  if (fetcher.unknown_encoding())
    co_return no("Some of the parts have an encoding that is not known", "UNKNOWN-CTE");
  const bool lost = co_await fetcher.has_lost();
  if (lost || fetcher.damaged()) co_return no("Some of the messages can't be read", "SERVERBUG");
  if (fetcher.unreadable())
    co_return no("Some of the messages can't be read now, try again later", "UNAVAILABLE");
  if (fetcher.found() < asked) {
    // RFC 2180 section 4.1.3: the numbers are still valid, the messages are gone.
    co_return no("Some of the messages are gone", "EXPUNGEISSUED");
  }
  co_return ok("FETCH done");
}

}  // namespace

Task<Result<void>> tell_items(Session& s, std::vector<wire::imap::FetchItem> items,
                              std::vector<store::Uid> uids) {
  FetchPlan plan = plan_fetch(items, true);
  plan.sets_seen = false;
  store::UidList list;
  for (const store::Uid uid : uids) list.append(uid);
  std::vector<wire::imap::NumberRange> messages = messages_of(*s.view, list);
  if (messages.empty()) co_return Result<void>();
  Fetcher fetcher(s, std::move(plan), false);
  const Wanted wanted = fetcher.wanted(messages);
  Batches batches(std::move(messages), wanted);
  co_return co_await fetcher.tell(batches);
}

Task<Reply> cmd_fetch(Session& s, wire::imap::Fetch& c) {
  if (c.vanished && !s.qresync) co_return bad("ENABLE QRESYNC comes first");
  if (c.changed_since) c.items.emplace_back().type = FetchItem::modseq;
  if (asks_for_modseq(c)) enable_condstore(s);
  // What has come in since counts: "n:*" names it (RFC 3501 section 6.4.8). Before VANISHED (EARLIER) all is
  // told that is gone without it.
  co_await sync(s, c.vanished ? Tell::all : Tell::all_but_gone);
  if (!c.uid && names_missing(c.set, s.view->uids.size())) co_return bad("No such message number");
  FetchPlan plan = plan_fetch(c.items, c.uid && !s.uid_only);
  std::vector<wire::imap::NumberRange> messages = messages_of(*s.view, c.set, c.uid);
  const uint32_t most = s.options->message_limit;
  // RFC 9738 section 3.1: the range is what the client wants to have
  if (c.partial && most != 0 && size_of(*c.partial) > most) co_return over_limit(most);
  if (c.partial) messages = part_of(messages, *c.partial);
  if (c.changed_since) {
    auto changed = co_await changed_since(s, c.set, c.uid, *c.changed_since, c.vanished);
    if (!changed) co_return refuse(changed.error());
    messages = intersect(messages, *changed);
  }
  store::Uid lowest = 0;
  if (keep_last(messages, most)) lowest = s.view->uids.at(messages.front().first);
  Fetcher fetcher(s, std::move(plan), lowest != 0);
  const Wanted wanted = messages.empty() ? Wanted::flags : fetcher.wanted(messages);
  Batches batches(std::move(messages), wanted, lowest != 0);
  Result<void> told = co_await fetcher.tell(batches);
  if (!told) co_return refuse(told.error());
  Reply reply = co_await outcome(fetcher, c.uid ? 0 : batches.asked());
  if (lowest != 0) co_return limited(s, std::move(reply), lowest);
  co_return reply;
}

}  // namespace posthouse::access::imap
