// What the index changed, into mbox files.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "mirror/limits.h"
#include "mirror/mbox_files.h"

namespace posthouse::mirror {

namespace {

using mbox::Access;
using mbox::Held;
using mbox::Metadata;
using mbox::Record;
using store::FlagSet;
using store::Uid;

// The message as append() takes it. `unread`: becomes true when its bytes can't be had. `begin`: those that
// were read already.
mbox::Source source_of(const Driver::Put& message, bool* unread = nullptr, std::string begin = {}) {
  struct State {
    uint64_t at = 0;
    std::string begin, piece;
  };
  auto fresh = std::make_shared<State>();
  fresh->begin = std::move(begin);
  return [&message, unread, state = std::move(fresh)]() -> Result<std::string_view> {
    if (state->at >= message.size) return std::string_view();
    Result<std::string> next = state->begin.empty() ? message.bytes(state->at, kPiece)
                                                    : Result<std::string>(std::exchange(state->begin, {}));
    if (unread != nullptr) *unread = !next || next->empty();
    if (!next) return std::unexpected(next.error());
    if (next->empty()) return fail(FaultKind::corrupt, "the message ends early");
    state->piece = std::move(*next);
    state->at += state->piece.size();
    return std::string_view(state->piece);
  };
}

// The record that an earlier attempt made of the message, perhaps without a UID, and perhaps it got another
// one since. Its UID alone does not prove it.
Result<const Record*> made_before(const MboxRecords& records, Driver::Put& message,
                                  std::unordered_set<size_t>& taken) {
  const auto may_be = [&](const Record& record) {
    return record.claimed_uid == message.uid || record.metadata.uid == 0 || record.metadata.uid > message.uid;
  };
  if (std::ranges::none_of(records.all(), may_be)) return nullptr;
  const Result<mbox::Form> form = mbox::form_of(source_of(message));
  if (!form) return std::unexpected(form.error());
  message.exact = form->exact;
  std::optional<size_t> at = records.exact(message.uid, form->digest);
  if (!at || taken.contains(*at)) at = records.named_anew(message.uid, form->digest, taken);
  if (!at) return nullptr;
  taken.insert(*at);
  return &records.all()[*at];
}

// Tells which letters may bear their UIDs in the file. It must not be one that another program may have given
// to another letter, and none may stand behind a letter that has none yet. Letters without UID get one by the
// next look, or by the other program.
class Naming {
 public:
  // `torn`: what a power cut left of letters with these UIDs was the end of the file.
  Naming(const MboxRecords& records, uint32_t uid_validity, const std::unordered_set<Uid>& torn)
      : counts_(uid_validity != 0) {
    const std::vector<Record>& all = records.all();
    if (all.empty()) return;
    unnamed_ = all.back().metadata.uid == 0;
    if (records.base() && records.base()->last_uid <= kHighestForeignUid) last_ = records.base()->last_uid;
    // Then it was given to that letter, unless there is another.
    if (torn.contains(last_) && all.back().metadata.uid < last_) --last_;
  }
  bool may_bear(Uid uid) const { return !counts_ || (!unnamed_ && uid > last_); }
  void added(Uid uid) {
    unnamed_ = unnamed_ || uid == 0;
    last_ = std::max(last_, uid);
  }
  bool left_unnamed() const { return unnamed_; }

 private:
  bool counts_;
  bool unnamed_ = false;
  Uid last_ = 0;
};

mbox::Letter letter_of(const Driver::Put& message, std::string_view begin, Uid uid,
                       const std::optional<mbox::Base>& base) {
  mbox::Letter letter;
  letter.sender = sender_of(begin);
  letter.time = std::chrono::duration_cast<seconds>(message.date.time_since_epoch()).count();
  letter.metadata = to_metadata(message.flags, uid, {});
  letter.base = base;
  return letter;
}

Result<Record> append(Held& held, const Driver::Put& message, Uid uid, const std::optional<mbox::Base>& base,
                      bool& unread) {
  Result<std::string> begin = message.bytes(0, kPiece);
  unread = !begin;
  if (!begin) return std::unexpected(begin.error());
  const mbox::Letter letter = letter_of(message, *begin, uid, base);
  return held.append(letter, source_of(message, &unread, std::move(*begin)));
}

mbox::Base base_of(const Driver::Put& first) {
  mbox::Base base;
  base.validity = first.uid_validity;
  return base;
}

// Of what was being put when the power went, the file may have a part. It goes before anybody reads on, and
// what can't be read of the letters is told later.
// Gives the UIDs of those letters.
Result<std::unordered_set<Uid>> cut_torn(Held& held, const std::vector<Driver::Put>& messages) {
  std::unordered_set<Uid> torn;
  for (const Driver::Put& message : messages) {
    if (!message.again) continue;
    const Result<std::string> begin = message.bytes(0, kPiece);
    if (!begin) continue;
    for (const Uid uid : {message.uid, Uid{0}}) {
      const mbox::Letter letter = letter_of(message, *begin, uid, base_of(messages.front()));
      const Result<bool> cut = held.cut_torn(letter, [&] { return source_of(message); });
      if (!cut && cut.error().kind != FaultKind::corrupt) return std::unexpected(cut.error());
      if (!cut || !*cut) continue;
      if (uid != 0) torn.insert(uid);
      break;
    }
  }
  return torn;
}

// The UID is known to nobody else, or the file only lost it.
bool may_be_given(Uid uid, const Record& record, const MboxLocation& seen, Uid last) {
  return uid > last || (record.metadata.uid == 0 && seen.uid == uid);
}

// Whether the UIDs rise through the file, once it is changed, but for those at its end that have none yet.
bool would_rise(const std::vector<Record>& records, const std::vector<mbox::Change>& changes) {
  std::unordered_map<uint64_t, Uid> changed;
  for (const mbox::Change& change : changes) changed.emplace(change.offset, change.metadata.uid);
  Uid last = 0;
  bool ended = false;
  for (const Record& record : records) {
    const auto it = changed.find(record.offset);
    const Uid uid = it != changed.end() ? it->second : record.claimed_uid;
    if (uid != 0 && (ended || uid <= last)) return false;
    ended = ended || uid == 0;
    last = std::max(last, uid);
  }
  return true;
}

std::vector<std::optional<MboxLocation>> parse_all(const std::vector<std::string>& locations) {
  std::vector<std::optional<MboxLocation>> out;
  for (const std::string& location : locations) out.push_back(parse_location(location));
  return out;
}

}  // namespace

// Everything that uses UIDs relies on X-IMAPbase, which mutt drops with the first message: then the X-UIDs
// are ours still. Under another UIDVALIDITY they are those of others, and naming our messages by them would
// give one UID to two messages: then none stays.
Result<MboxRecords*> MboxDriver::our_records(const std::string& mailbox, Held& held, uint32_t uid_validity,
                                             Uid next, bool* only_ours) {
  const Result<MboxRecords*> all = records(mailbox, held);
  if (!all) return all;
  const std::optional<mbox::Base> base = (*all)->base();
  if (uid_validity == 0 || (*all)->all().empty() || (base && base->validity == uid_validity)) return all;
  if (only_ours != nullptr) *only_ours = true;
  mbox::Base ours;
  ours.validity = uid_validity;
  ours.last_uid = next - 1;
  std::vector<mbox::Change> changes;
  for (const Record& record : (*all)->all()) {
    if (!base || record.claimed_uid == 0) continue;
    Metadata metadata = record.metadata;
    metadata.uid = 0;
    changes.push_back({record.offset, record.next, false, std::move(metadata)});
  }
  const Result<void> done = (*all)->rewrite(held, changes, ours);
  if (!done) return std::unexpected(done.error());
  return records(mailbox, held);
}

void MboxDriver::put(const std::string& mailbox, std::vector<Put>& messages) {
  put_unflushed(mailbox, messages);
  flush(mailbox);
  const std::lock_guard lock(unflushed_mutex_);
  const auto failed = not_flushed_.extract(mailbox);
  if (failed.empty()) return;
  for (Put& message : messages) message.done = std::unexpected(failed.mapped());
}

void MboxDriver::put_unflushed(const std::string& mailbox, std::vector<Put>& messages) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold_or_make(mailbox);
  const Result<void> done = held ? put_all(mailbox, *held, messages) : std::unexpected(held.error());
  if (done) {
    const std::lock_guard unflushed(unflushed_mutex_);
    unflushed_.emplace(mailbox, std::move(*held));
    return;
  }
  for (Put& message : messages) message.done = done;
}

void MboxDriver::flush(const std::string& mailbox) {
  const std::lock_guard lock(unflushed_mutex_);
  auto left = unflushed_.extract(mailbox);
  if (left.empty()) return;
  const Result<void> done = left.mapped().commit();
  if (!done) not_flushed_.insert_or_assign(mailbox, done.error());
}

void MboxDriver::flush_all() {
  std::vector<std::string> mailboxes;
  {
    const std::lock_guard lock(unflushed_mutex_);
    for (const auto& [mailbox, held] : unflushed_) mailboxes.push_back(mailbox);
  }
  for (const std::string& mailbox : mailboxes) flush(mailbox);
}

bool MboxDriver::is_unflushed() {
  const std::lock_guard lock(unflushed_mutex_);
  return !unflushed_.empty() || !not_flushed_.empty();
}

std::map<std::string, Fault> MboxDriver::flush() {
  flush_all();
  const std::lock_guard lock(unflushed_mutex_);
  return std::exchange(not_flushed_, {});
}

Result<Held> MboxDriver::hold_or_make(const std::string& mailbox) {
  Result<Held> held = hold(mailbox, Access::write);
  const bool gone = !held && held.error().kind == FaultKind::not_found && has_folders();
  if (!gone) return held;
  const Result<void> made = make(mailbox);
  return made ? hold(mailbox, Access::write) : std::unexpected(made.error());
}

Result<void> MboxDriver::put_all(const std::string& mailbox, Held& held, std::vector<Put>& messages) {
  const OwnChange own(*this, mailbox, held);
  const Put& first = messages.front();
  const Result<std::unordered_set<Uid>> torn = cut_torn(held, messages);
  if (!torn) return std::unexpected(torn.error());
  const Result<MboxRecords*> before = our_records(mailbox, held, first.uid_validity, first.uid);
  if (!before) return std::unexpected(before.error());
  std::optional<mbox::Base> base;
  if ((*before)->all().empty()) base = base_of(first);
  Naming naming(**before, first.uid_validity, *torn);
  std::unordered_set<size_t> taken;
  std::vector<Record> appended;
  Result<void> room;
  for (Put& message : messages) {
    const Result<const Record*> there =
        message.again ? made_before(**before, message, taken) : Result<const Record*>(nullptr);
    if (there && *there != nullptr) {
      held.doubt();
      const Uid has = (*there)->claimed_uid == message.uid ? message.uid : 0;
      message.location = location_of(**there, has, to_flags((*there)->metadata));
      continue;
    }
    if (!room) {
      message.done = room;
      continue;
    }
    const Uid uid = naming.may_bear(message.uid) ? message.uid : 0;
    bool unread = !there;
    Result<Record> record = there ? append(held, message, uid, base, unread) : std::unexpected(there.error());
    if (!record) {
      message.done = std::unexpected(record.error());
      // A body that can't be read must not hold up the others; but where there is no room for one, a shorter
      // one does not come before it: UIDs rise through the file.
      if (!unread) room = message.done;
      continue;
    }
    base.reset();
    naming.added(uid);
    message.exact = record->exact && record->size == message.size;
    message.location = location_of(*record, uid, to_flags(record->metadata));
    appended.push_back(std::move(*record));
  }
  const Result<void> done = held.settle();
  if (done) (*before)->follow_appends(held, std::move(appended));
  if (naming.left_unnamed()) cached(mailbox).told.clear();  // a look is needed
  return done;
}

Result<bool> MboxDriver::would_be_exact(const Put& message) {
  const Result<mbox::Form> form = mbox::form_of(source_of(message));
  return form ? Result<bool>(form->exact) : std::unexpected(form.error());
}

void MboxDriver::change(const std::string& mailbox, std::vector<Change>& messages) {
  const std::lock_guard lock(mutex_);
  const Result<void> done = change_all(mailbox, messages);
  if (done) return;
  for (Change& message : messages) message.done = done;
}

Result<void> MboxDriver::change_all(const std::string& mailbox, std::vector<Change>& messages) {
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  const OwnChange own(*this, mailbox, *held);
  const Result<MboxRecords*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  std::vector<std::optional<MboxLocation>> seen;
  for (const Change& message : messages) seen.push_back(parse_location(message.location));
  Uid next = 0;
  for (const Change& message : messages) next = std::max(next, message.next);
  const std::vector<std::optional<size_t>> found = (*all)->assign(seen, next);
  std::vector<mbox::Change> changes;
  for (size_t i = 0; i < messages.size(); ++i) {
    Change& message = messages[i];
    if (!found[i]) {
      message.done = fail(FaultKind::not_found, "the message is gone");
      continue;
    }
    const Record& record = (*all)->all()[*found[i]];
    const FlagSet had = message.only_ours ? to_flags(record.metadata) : seen[i]->flags;
    const FlagSet wanted = with_change(to_flags(record.metadata), difference(message.flags, had),
                                       difference(had, message.flags));
    // Also where the file lost its own data, and none counts for now.
    const bool same_uid = record.claimed_uid == seen[i]->uid;
    const Uid uid = same_uid ? record.claimed_uid : record.metadata.uid;
    const Metadata metadata = to_metadata(wanted, uid, record.metadata);
    message.now = to_flags(metadata);
    message.location = location_of(record, seen[i]->uid, message.now);
    if (metadata != record.metadata) changes.push_back({record.offset, record.next, false, metadata});
  }
  return changes.empty() ? Result<void>() : (*all)->rewrite(*held, changes);
}

Result<std::string> MboxDriver::place_to_be(const Put& message) {
  const Result<mbox::Form> form = mbox::form_of(source_of(message));
  if (!form) return std::unexpected(form.error());
  return format_location({message.uid, hex_digest(form->digest), message.flags});
}

Result<void> MboxDriver::remove(const std::string& mailbox, const std::vector<std::string>& locations,
                                Uid next, const std::vector<std::string>& spared) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  const OwnChange own(*this, mailbox, *held);
  const Result<MboxRecords*> all = records(mailbox, *held);
  if (!all) return std::unexpected(all.error());
  std::vector<std::optional<MboxLocation>> seen = parse_all(spared);
  std::ranges::move(parse_all(locations), std::back_inserter(seen));
  const std::vector<std::optional<size_t>> found = (*all)->assign(seen, next);
  std::vector<mbox::Change> changes;
  for (size_t i = spared.size(); i < found.size(); ++i) {
    if (!found[i]) continue;
    const Record& record = (*all)->all()[*found[i]];
    changes.push_back({record.offset, record.next, true, {}});
  }
  return changes.empty() ? Result<void>() : (*all)->rewrite(*held, changes);
}

// They get into the file, where other programs find them too. What those gave stays, unless a UID that nobody
// gave yet takes its place (uid_plan.h).
Result<void> MboxDriver::note_uids(const std::string& mailbox, const Uids& uids) {
  const std::lock_guard lock(mutex_);
  Result<Held> held = hold(mailbox, Access::write);
  if (!held) return std::unexpected(held.error());
  const OwnChange own(*this, mailbox, *held);
  bool only_ours = false;
  const Result<MboxRecords*> all = our_records(mailbox, *held, uids.uid_validity, uids.uid_next, &only_ours);
  if (!all) return std::unexpected(all.error());
  const std::optional<mbox::Base> base = (*all)->base();
  const Uid last = base && !only_ours && base->last_uid <= kHighestForeignUid ? base->last_uid : 0;
  std::vector<std::optional<MboxLocation>> seen;
  for (const Known& given : uids.given) {
    seen.push_back(parse_location(given.location));
    const std::optional<mbox::Digest> digest = seen.back() ? parse_digest(seen.back()->digest) : std::nullopt;
    if (digest && (*all)->exact(given.uid, *digest)) seen.back()->uid = given.uid;
  }
  const std::vector<std::optional<size_t>> found = (*all)->assign(seen);
  std::vector<mbox::Change> changes;
  for (size_t i = 0; i < seen.size(); ++i) {
    if (!found[i]) continue;
    const Record& record = (*all)->all()[*found[i]];
    if (record.metadata.uid == uids.given[i].uid) continue;
    if (!may_be_given(uids.given[i].uid, record, *seen[i], last)) continue;
    Metadata metadata = record.metadata;
    metadata.uid = uids.given[i].uid;
    changes.push_back({record.offset, record.next, false, std::move(metadata)});
  }
  // What came meanwhile is in the way: the next look settles it.
  if (!would_rise((*all)->all(), changes)) return {};
  return changes.empty() ? Result<void>() : (*all)->rewrite(*held, changes);
}

}  // namespace posthouse::mirror
