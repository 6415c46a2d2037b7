#include "store/account_edit.h"

#include <algorithm>

#include "store/account_view.h"
#include "store/annotations.h"
#include "store/damage.h"
#include "store/file_rows.h"
#include "store/limits.h"
#include "store/mail_store_impl.h"
#include "store/names.h"

namespace posthouse::store {

namespace {

// A counter that damage left too small stops at zero.
template <class Counter>
void move(Counter& counter, uint64_t by, bool add) {
  counter = static_cast<Counter>(add ? counter + by : counter - std::min<uint64_t>(counter, by));
}

// What the log of changes wants to know of a message.
FlagRow logged_row(const FlagSheet::Mark& mark) {
  FlagRow row;
  row.modseq = mark.modseq;
  row.created = mark.logged == FlagSheet::Logged::not_at_all ? mark.modseq : 0;
  row.shares = mark.logged == FlagSheet::Logged::shared;
  return row;
}

}  // namespace

uint32_t validity_by_clock(SystemTime now) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return static_cast<uint32_t>(std::clamp<int64_t>(seconds, 1, UINT32_MAX));
}

Result<void> AccountEdit::load() {
  const Result<std::optional<std::string>> row = rows_.get(kHeadKey);
  if (!row) return std::unexpected(row.error());
  if (!*row) return fail(FaultKind::not_found, "no such account");
  const Result<HeadRow> head = decode_head(**row);
  if (!head) return std::unexpected(head.error());
  head_ = *head;
  return {};
}

std::string kept_hint(AccountId account) {
  return hint_key(kKeptHint, account);
}

ModSeq AccountEdit::modseq() {
  if (!modseq_taken_) ++head_.modseq;
  modseq_taken_ = true;
  return head_.modseq;
}

Result<std::optional<MailboxId>> AccountEdit::find(std::string_view checked_name) const {
  const Result<std::optional<std::string>> row = rows_.get(name_key(checked_name));
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  const Result<MailboxId> id = decode_mailbox_id(**row);
  if (!id) return std::unexpected(id.error());
  return *id;
}

Result<MailboxRow*> AccountEdit::mailbox(MailboxId id) {
  if (const auto known = mailboxes_.find(id); known != mailboxes_.end()) return &known->second;
  const Result<std::optional<std::string>> record = rows_.get(mailbox_key(id));
  if (!record) return std::unexpected(record.error());
  if (!*record) return no_mailbox();
  Result<MailboxRow> row = decode_mailbox(id, **record);
  if (!row) return std::unexpected(row.error());
  return &mailboxes_.emplace(id, std::move(*row)).first->second;
}

Result<MailboxRow*> AccountEdit::mailbox_named(std::string_view checked_name) {
  const Result<std::optional<MailboxId>> id = find(checked_name);
  if (!id) return std::unexpected(id.error());
  if (!*id) return no_mailbox();
  return mailbox(**id);
}

Result<bool> AccountEdit::role_taken(Role role) const {
  bool taken = false;
  if (role == Role::none) return taken;
  const std::string end = prefix_end(std::string(kMailboxPrefix));
  const Result<void> scanned =
      rows_.scan(kMailboxPrefix, end, [&](std::string_view key, std::string_view value) {
        const Result<MailboxRow> row = decode_mailbox(mailbox_of_key(key), value);
        taken = row && row->role == role;
        return !taken;
      });
  if (!scanned) return std::unexpected(scanned.error());
  const auto new_one = [role](const auto& pair) { return pair.second.role == role; };
  return taken || std::ranges::any_of(mailboxes_, new_one);
}

Result<MailboxRow*> AccountEdit::create(std::string_view checked_name, Role role, SystemTime now) {
  for (const std::string& superior : superiors(checked_name)) {
    const Result<std::optional<MailboxId>> there = find(superior);
    if (!there) return std::unexpected(there.error());
    if (*there) continue;
    const Result<MailboxRow*> made = create_one(superior, Role::none, now);
    if (!made) return made;
  }
  return create_one(checked_name, role, now);
}

Result<MailboxRow*> AccountEdit::create_one(std::string_view checked_name, Role role, SystemTime now) {
  const Result<std::optional<MailboxId>> there = find(checked_name);
  if (!there) return std::unexpected(there.error());
  if (*there) return fail(FaultKind::exists, "mailbox exists");
  // Who deletes Trash and makes it again means the same thing by it.
  const Role wanted = role == Role::none ? usual_role(checked_name) : role;
  const Result<bool> taken = role_taken(wanted);
  if (!taken) return std::unexpected(taken.error());
  if (*taken && role != Role::none) return fail(FaultKind::exists, "another mailbox has this role");
  if (head_.mailboxes >= kMaxMailboxes) return fail(FaultKind::policy, "too many mailboxes");
  // RFC 9051 section 2.3.1.1: never the same again for another mailbox, whatever the clock does.
  if (head_.last_uid_validity == UINT32_MAX) return fail(FaultKind::permanent, "UIDVALIDITY is used up");
  head_.last_uid_validity = std::max(validity_by_clock(now), head_.last_uid_validity + 1);
  MailboxRow row;
  row.id = head_.next_mailbox++;
  row.name = std::string(checked_name);
  row.role = *taken ? Role::none : wanted;
  row.uid_validity = head_.last_uid_validity;
  row.highest_modseq = modseq();
  ++head_.mailboxes;
  rows_.put(name_key(checked_name), encode_mailbox_id(row.id));
  effect({EffectRow::Kind::make, row.id, 0, row.name, {}});
  const MailboxId id = row.id;
  const std::vector<std::string> above = superiors(checked_name);
  if (!above.empty()) {
    const Result<std::optional<MailboxId>> parent = find(above.back());
    if (!parent) return std::unexpected(parent.error());
    const Result<void> inherited = *parent ? inherit_rights(rows_, **parent, id) : Result<void>();
    if (!inherited) return std::unexpected(inherited.error());
  }
  return &mailboxes_.emplace(id, std::move(row)).first->second;
}

Result<void> AccountEdit::change_rights(MailboxId mailbox, AccountId who, bool denied, RightsChange change,
                                        Rights rights) {
  Result<RightsEntry> entry = find_rights(rows_, mailbox, who);
  // One that can't be read gives nothing, and goes with this change.
  if (!entry && entry.error().kind == FaultKind::corrupt) entry = RightsEntry{who, 0, 0};
  if (!entry) return std::unexpected(entry.error());
  Rights& mine = denied ? entry->denied : entry->granted;
  switch (change) {
    case RightsChange::set:
      mine = rights;
      break;
    case RightsChange::add:
      mine = static_cast<Rights>(mine | rights);
      break;
    case RightsChange::remove:
      mine = static_cast<Rights>(mine & ~rights);
      break;
  }
  return put_rights(rows_, mailbox, *entry, shares_);
}

Result<void> AccountEdit::erase_rights_of(MailboxId mailbox) {
  return erase_rights(rows_, mailbox, shares_);
}

Result<void> AccountEdit::rename(MailboxRow& row, std::string_view checked_name) {
  const Result<std::optional<MailboxId>> there = find(checked_name);
  if (!there) return std::unexpected(there.error());
  if (*there) return fail(FaultKind::exists, "mailbox exists");
  const Result<void> followed = copy_subscription(row.name, checked_name);
  if (!followed) return followed;
  rows_.erase(name_key(row.name));
  rows_.put(name_key(checked_name), encode_mailbox_id(row.id));
  effect({EffectRow::Kind::rename, row.id, 0, row.name, std::string(checked_name)});
  row.name = std::string(checked_name);
  modseq();
  return {};
}

Result<void> AccountEdit::copy_subscription(std::string_view from, std::string_view to) {
  const Result<std::optional<std::string>> there = rows_.get(subscription_key(from));
  if (!there) return std::unexpected(there.error());
  if (!*there) return {};
  rows_.put(subscription_key(to), empty_record());
  effect({EffectRow::Kind::subscribe, 0, 0, std::string(to), {}});
  return {};
}

// The names of the keywords stay until the purge ends.
Result<std::optional<MailboxId>> AccountEdit::give_role(MailboxRow& row, Role role) {
  if (row.role == Role::inbox || role == Role::inbox)
    return fail(FaultKind::policy, "INBOX has a use of its own");
  std::optional<MailboxId> before;
  const std::string end = prefix_end(std::string(kMailboxPrefix));
  const Result<void> scanned =
      rows_.scan(kMailboxPrefix, end, [&](std::string_view key, std::string_view value) {
        const Result<MailboxRow> other = decode_mailbox(mailbox_of_key(key), value);
        if (role != Role::none && other && other->role == role && other->id != row.id) before = other->id;
        return !before;
      });
  if (!scanned) return std::unexpected(scanned.error());
  if (before) {
    const Result<MailboxRow*> loser = mailbox(*before);
    if (!loser) return std::unexpected(loser.error());
    (*loser)->role = Role::none;
  }
  row.role = role;
  modseq();
  return before;
}

Result<void> AccountEdit::forget(MailboxRow& row, bool keep, SystemTime now) {
  const MailboxId id = row.id;
  if (keep && row.exists > 0) {
    if (Result<void> kept = keep_annotations(rows_, account_, id, now); !kept) return kept;
  }
  if (Result<void> erased = erase_annotations(rows_, id, modseq()); !erased) return erased;
  if (Result<void> erased = erase_rights_of(id); !erased) return erased;
  effect({EffectRow::Kind::erase, id, 0, row.name, {}});
  rows_.erase(name_key(row.name));
  rows_.erase(mailbox_key(id));
  rows_.erase(seen_key(id));
  rows_.put(dying_key(id), encode(keep ? DyingRow{row.name, now} : DyingRow()));
  rows_.hint(hint_key(kPurgeHint, account_));
  head_.messages -= std::min<uint64_t>(head_.messages, row.exists);
  head_.bytes -= std::min(head_.bytes, row.bytes);
  head_.mailboxes -= std::min<uint32_t>(head_.mailboxes, 1);
  modseq();
  mailboxes_.erase(id);
  keywords_.erase(id);
  return {};
}

Result<KeywordTable*> AccountEdit::keywords(MailboxId id) {
  if (const auto known = keywords_.find(id); known != keywords_.end()) return &known->second;
  const Result<std::optional<std::string>> record = rows_.get(keywords_key(id));
  if (!record) return std::unexpected(record.error());
  KeywordTable table;
  if (*record) {
    Result<std::vector<std::string>> names = decode_keywords(**record);
    if (!names) return std::unexpected(names.error());
    table = KeywordTable(std::move(*names));
  }
  return &keywords_.emplace(id, std::move(table)).first->second;
}

Result<ExpungedRow*> AccountEdit::hidden(MailboxId mailbox) const {
  const auto known = hidden_.find(mailbox);
  if (known != hidden_.end()) return &known->second;
  Result<ExpungedRow> row = expunged_or_none(rows_.get(expunged_key(mailbox)), account_, mailbox);
  if (!row) return std::unexpected(row.error());
  return &hidden_.emplace(mailbox, std::move(*row)).first->second;
}

Result<PendingFlags*> AccountEdit::pending(MailboxId mailbox) const {
  const auto known = pending_.find(mailbox);
  if (known != pending_.end()) return &known->second;
  Result<PendingFlags> row = pending_or_none(rows_.get(pending_key(mailbox)), account_, mailbox);
  if (!row) return std::unexpected(row.error());
  return &pending_.emplace(mailbox, std::move(*row)).first->second;
}

Result<std::optional<FlagRow>> AccountEdit::message(MailboxId mailbox, Uid uid) const {
  const Result<ExpungedRow*> gone = hidden(mailbox);
  if (!gone) return std::unexpected(gone.error());
  const Result<PendingFlags*> later = pending(mailbox);
  if (!later) return std::unexpected(later.error());
  if (!shows_hidden_ && (*gone)->contains(uid)) return std::nullopt;
  const Result<std::optional<std::string>> record = rows_.get(flags_key(mailbox, uid));
  if (!record) return std::unexpected(record.error());
  if (!*record) return std::nullopt;
  Result<FlagRow> row = decode_flags(**record);
  if (row) (*later)->apply(uid, *row);
  if (row) return std::move(*row);
  report_damage(row.error(), account_, mailbox, uid);
  return std::nullopt;
}

Result<std::vector<AccountEdit::Message>> AccountEdit::messages(MailboxId mailbox,
                                                                const std::vector<Uid>& rising) const {
  std::vector<Message> found;
  const Result<ExpungedRow*> gone = hidden(mailbox);
  if (!gone) return std::unexpected(gone.error());
  const Result<PendingFlags*> later = pending(mailbox);
  if (!later) return std::unexpected(later.error());
  if (!is_dense(rising)) {
    for (const Uid uid : rising) {
      Result<std::optional<FlagRow>> row = message(mailbox, uid);
      if (!row) return std::unexpected(row.error());
      if (*row) found.emplace_back(uid, std::move(**row));
    }
    return found;
  }
  auto wanted = rising.begin();
  const Result<void> scanned =
      rows_.scan(flags_key(mailbox, rising.front()), flags_end(mailbox, rising.back()),
                 [&](std::string_view key, std::string_view value) {
                   const Uid uid = uid_of_key(key);
                   while (wanted != rising.end() && *wanted < uid) ++wanted;
                   if (wanted == rising.end() || *wanted != uid) return wanted != rising.end();
                   if (!shows_hidden_ && (*gone)->contains(uid)) return true;
                   Result<FlagRow> row = decode_flags(value);
                   if (row) {
                     (*later)->apply(uid, *row);
                     found.emplace_back(uid, std::move(*row));
                   } else {
                     report_damage(row.error(), account_, mailbox, uid);
                   }
                   return true;
                 });
  if (!scanned) return std::unexpected(scanned.error());
  return found;
}

void AccountEdit::count_flags(MailboxRow& mailbox, uint8_t system, bool add) {
  if ((system & kSeen) == 0) move(mailbox.unseen, 1, add);
  if ((system & kDeleted) != 0) move(mailbox.deleted, 1, add);
}

void AccountEdit::count(MailboxRow& mailbox, const FlagRow& row, bool add) {
  move(mailbox.exists, 1, add);
  move(mailbox.bytes, row.size, add);
  move(head_.messages, 1, add);
  move(head_.bytes, row.size, add);
  count_flags(mailbox, row.system, add);
}

Result<Uid> AccountEdit::place(MailboxRow& mailbox, FlagRow row, std::string_view message_record,
                               SystemTime now) {
  row.saved = now;
  if (row.email == 0) row.email = row.delivery;
  if (mailbox.uid_next == UINT32_MAX) return fail(FaultKind::permanent, "the mailbox has used up its UIDs");
  const Uid uid = mailbox.uid_next++;
  row.modseq = modseq();
  row.created = row.modseq;
  row.shares = false;
  mailbox.highest_modseq = row.modseq;
  rows_.put(flags_key(mailbox.id, uid), encode(row));
  rows_.put(message_key(mailbox.id, uid), message_record);
  count(mailbox, row, true);
  if (!head_.entering) effect({EffectRow::Kind::put, mailbox.id, uid, {}, {}});
  return uid;
}

Result<void> AccountEdit::change(MailboxRow& mailbox, Uid uid, const FlagRow& before, FlagRow after) {
  std::vector<FlagsChange> one;
  one.push_back({uid, before, std::move(after)});
  return change(mailbox, one);
}

Result<void> AccountEdit::change(MailboxRow& mailbox, std::vector<FlagsChange>& rising) {
  if (rising.empty()) return {};
  const ModSeq now = modseq();
  ChangeLog log(rows_, mailbox.id);
  for (const auto& [uid, before, after] : rising) log.take(uid, before);
  const Result<void> taken = log.done();
  if (!taken) return taken;
  ChangeLog::Notes notes(log, now, false, rising.size());
  for (const auto& [uid, before, after] : rising) notes.add(uid, after.created);
  notes.done();
  for (auto& [uid, before, after] : rising) {
    after.modseq = now;
    after.shares = notes.shared();
    rows_.put(flags_key(mailbox.id, uid), encode(after));
    count(mailbox, before, false);
    count(mailbox, after, true);
  }
  mailbox.highest_modseq = now;
  if (!head_.in_files) return {};
  for (const auto& [uid, before, after] : rising) effect({EffectRow::Kind::flags, mailbox.id, uid, {}, {}});
  return {};
}

Result<bool> AccountEdit::change_behind(MailboxRow& mailbox, const FlagMarks& marks, const FlagsEdit& edit) {
  if (marks.before.empty()) return true;
  const Result<PendingFlags*> later = pending(mailbox.id);
  if (!later) return std::unexpected(later.error());
  PendingFlags::Part part{modseq(), edit, {}};
  bool follows = !(*later)->empty();
  for (const FlagSheet::Mark& mark : marks.before) {
    part.uids.append(mark.uid);
    follows = follows && mark.modseq == (*later)->parts.back().modseq;
  }
  if (!(*later)->add(std::move(part), follows)) return false;
  rows_.put(pending_key(mailbox.id), encode(**later));
  rows_.hint(hint_key(kPurgeHint, account_));
  ChangeLog log(rows_, mailbox.id);
  for (const FlagSheet::Mark& mark : marks.before) log.take(mark.uid, logged_row(mark));
  const Result<void> taken = log.done();
  if (!taken) return std::unexpected(taken.error());
  ChangeLog::Notes notes(log, modseq(), false, std::max(marks.before.size(), kSharedFrom));
  for (size_t i = 0; i < marks.before.size(); ++i) {
    notes.add(marks.before[i].uid, 0);
    count_flags(mailbox, marks.before[i].system, false);
    count_flags(mailbox, marks.system[i], true);
  }
  notes.done();
  mailbox.highest_modseq = modseq();
  return true;
}

Result<void> AccountEdit::settle_flags(MailboxId mailbox, const std::vector<Uid>& rising) {
  const Result<PendingFlags*> later = pending(mailbox);
  if (!later) return std::unexpected(later.error());
  const bool shown = std::exchange(shows_hidden_, true);
  const Result<std::vector<Message>> there = messages(mailbox, rising);
  shows_hidden_ = shown;
  if (!there) return std::unexpected(there.error());
  for (const auto& [uid, row] : *there) {
    rows_.put(flags_key(mailbox, uid), encode(row));
    effect({EffectRow::Kind::flags, mailbox, uid, {}, {}});
  }
  (*later)->remove(rising);
  if ((*later)->empty()) {
    rows_.erase(pending_key(mailbox));
  } else {
    rows_.put(pending_key(mailbox), encode(**later));
  }
  return {};
}

Result<void> AccountEdit::remove(MailboxRow& mailbox, Uid uid, const FlagRow& row) {
  return remove(mailbox, std::vector<Message>{{uid, row}});
}

Result<void> AccountEdit::remove(MailboxRow& mailbox, const std::vector<Message>& rising) {
  if (rising.empty()) return {};
  for (const auto& [uid, row] : rising) {
    const Result<void> done = remove_from_files(mailbox, uid);
    if (!done) return done;
  }
  const Result<void> noted = note_expunge(mailbox, rising);
  if (!noted) return noted;
  for (const auto& [uid, row] : rising) rows_.erase(flags_key(mailbox.id, uid));
  for (const auto& [uid, row] : rising) rows_.erase(message_key(mailbox.id, uid));
  return {};
}

// One without a place in the files may have its way there in the outbox, which will find that it is gone; but
// after a crash it may be in the files although that was not recorded.
Result<void> AccountEdit::remove_from_files(const MailboxRow& mailbox, Uid uid) {
  if (!head_.in_files) return {};
  const Result<std::optional<std::string>> at = location(mailbox.id, uid);
  if (!at) return std::unexpected(at.error());
  if (!*at) return remove_on_its_way(mailbox, uid);
  rows_.erase(location_key(mailbox.id, uid));
  effect({EffectRow::Kind::remove, mailbox.id, uid, **at, mailbox.name});
  return {};
}

Result<void> AccountEdit::remove_on_its_way(const MailboxRow& mailbox, Uid uid) {
  if (expected_ == nullptr) return {};
  const auto place = expected_->find(uid);
  if (place == expected_->end()) return fail(FaultKind::temporary, "the account changed; try again");
  if (place->second.empty()) return {};  // nobody else could read its bytes, either
  effect({EffectRow::Kind::remove, mailbox.id, uid, std::string(kPerhaps) + place->second, mailbox.name});
  return {};
}

Result<void> AccountEdit::note_expunge(MailboxRow& mailbox, const std::vector<Message>& rising) {
  ChangeLog log(rows_, mailbox.id);
  for (const auto& [uid, row] : rising) log.take(uid, row);
  const Result<void> taken = log.done();
  if (!taken) return taken;
  ChangeLog::Notes notes(log, modseq(), true, rising.size());
  for (const auto& [uid, row] : rising) notes.add(uid, row.created);
  notes.done();
  mailbox.highest_modseq = modseq();
  mailbox.expunges += static_cast<uint32_t>(rising.size());
  for (const auto& [uid, row] : rising) count(mailbox, row, false);
  return {};
}

Result<bool> AccountEdit::hide(MailboxRow& mailbox, const std::vector<Message>& rising, SystemTime now,
                               bool keep) {
  if (rising.empty()) return true;
  const Result<ExpungedRow*> gone = hidden(mailbox.id);
  if (!gone) return std::unexpected(gone.error());
  ExpungedRow::Part part{now, keep, {}};
  for (const auto& [uid, row] : rising) part.uids.append(uid);
  if ((*gone)->runs() + part.uids.runs().size() > kHiddenRuns) return false;
  (*gone)->parts.push_back(std::move(part));
  rows_.put(expunged_key(mailbox.id), encode(**gone));
  rows_.hint(hint_key(kPurgeHint, account_));
  const Result<void> noted = note_expunge(mailbox, rising);
  if (!noted) return std::unexpected(noted.error());
  return true;
}

Result<void> AccountEdit::finish(MailboxRow& mailbox, const std::vector<Uid>& rising) {
  const Result<ExpungedRow*> gone = hidden(mailbox.id);
  if (!gone) return std::unexpected(gone.error());
  for (const Uid uid : rising) {
    const Result<void> done = remove_from_files(mailbox, uid);
    if (!done) return done;
  }
  for (const Uid uid : rising) rows_.erase(flags_key(mailbox.id, uid));
  for (const Uid uid : rising) rows_.erase(message_key(mailbox.id, uid));
  (*gone)->remove(rising);
  if ((*gone)->empty()) {
    rows_.erase(expunged_key(mailbox.id));
  } else {
    rows_.put(expunged_key(mailbox.id), encode(**gone));
  }
  return {};
}

void AccountEdit::effect(const EffectRow& row) {
  if (head_.in_files && !follows_files_) rows_.put(effect_key(head_.next_effect++), encode(row));
}

Result<std::optional<std::string>> AccountEdit::location(MailboxId mailbox, Uid uid) const {
  const Result<std::optional<std::string>> record = rows_.get(location_key(mailbox, uid));
  if (!record) return std::unexpected(record.error());
  if (!*record) return std::nullopt;
  Result<std::string> at = decode_location(**record);
  if (at) return std::move(*at);
  report_damage(at.error(), account_, mailbox, uid);
  return std::nullopt;
}

void AccountEdit::put_location(MailboxId mailbox, Uid uid, std::string_view location) {
  rows_.put(location_key(mailbox, uid), encode_location(location));
}

Result<void> AccountEdit::take_flags(MailboxId mailbox_id, Uid uid, const FlagSet& added,
                                     const FlagSet& removed) {
  const Result<std::optional<FlagRow>> before = message(mailbox_id, uid);
  if (!before) return std::unexpected(before.error());
  if (!*before) return {};
  const Result<MailboxRow*> row = mailbox(mailbox_id);
  if (!row) return std::unexpected(row.error());
  const Result<KeywordTable*> table = keywords(mailbox_id);
  if (!table) return std::unexpected(table.error());
  Result<std::vector<uint8_t>> more = (*table)->numbers(added.keywords);
  if (!more) more = (*table)->known_numbers(added.keywords);
  const std::vector<uint8_t> less = (*table)->known_numbers(removed.keywords);
  FlagRow after = **before;
  after.system = static_cast<uint8_t>((after.system & ~removed.system) | added.system);
  std::vector<uint8_t> kept;
  std::ranges::set_difference((*before)->keywords, less, std::back_inserter(kept));
  after.keywords.clear();
  std::ranges::set_union(kept, *more, std::back_inserter(after.keywords));
  if (after.system == (*before)->system && after.keywords == (*before)->keywords) return {};
  const bool followed = std::exchange(follows_files_, true);
  Result<void> changed = change(**row, uid, **before, std::move(after));
  follows_files_ = followed;
  return changed;
}

void AccountEdit::leave_blob(MailboxId mailbox, Uid uid, FlagRow row) {
  row.blob = 0;
  rows_.put(flags_key(mailbox, uid), encode(row));
}

void AccountEdit::keep(const KeptPlace& place, const std::string& mailbox_name, const KeywordTable& table,
                       const FlagRow& row, std::string_view summary) {
  if (row.blob == 0) return;
  FlagSet flags = table.flags(row.system, row.keywords);
  KeptRow kept;
  kept.mailbox = mailbox_name;
  kept.system = flags.system;
  kept.keywords = std::move(flags.keywords);
  kept.internal_date = row.internal_date;
  kept.size = row.size;
  kept.blob = row.blob;
  kept.delivery = row.delivery;
  kept.email = row.email;
  kept.summary = summary;
  if (head_.kept_messages == 0) hint_kept();
  rows_.put(kept_key(place), encode(kept));
  ++head_.kept_messages;
  head_.kept_bytes += row.size;
}

void AccountEdit::erase_message(MailboxId mailbox, Uid uid) {
  rows_.erase(flags_key(mailbox, uid));
  rows_.erase(message_key(mailbox, uid));
}

Result<std::optional<KeptRow>> AccountEdit::take_kept(const KeptPlace& place, std::string& record) {
  const std::string key = kept_key(place);
  Result<std::optional<std::string>> found = rows_.get(key);
  if (!found) return std::unexpected(found.error());
  if (!*found) return std::nullopt;
  record = std::move(**found);
  rows_.erase(key);
  head_.kept_messages -= std::min<uint64_t>(head_.kept_messages, 1);
  Result<KeptRow> row = decode_kept(record);
  if (!row) {
    report_damage(row.error(), account_, place.mailbox, place.uid);
    return std::nullopt;
  }
  head_.kept_bytes -= std::min(head_.kept_bytes, row->size);
  return std::move(*row);
}

Result<void> AccountEdit::forget_expunges(MailboxRow& mailbox, std::vector<Change> expunges) {
  if (expunges.empty()) return {};
  const ModSeq last = expunges.back().modseq;
  const Result<size_t> forgotten = ChangeLog(rows_, mailbox.id).forget(std::move(expunges));
  if (!forgotten) return std::unexpected(forgotten.error());
  if (*forgotten == 0) return {};
  mailbox.expunges -= std::min(mailbox.expunges, static_cast<uint32_t>(*forgotten));
  mailbox.forgotten = std::max(mailbox.forgotten, last);
  return {};
}

void AccountEdit::save() {
  for (const auto& [id, row] : mailboxes_) rows_.put(mailbox_key(id), encode(row));
  for (const auto& [id, table] : keywords_) {
    if (table.changed()) rows_.put(keywords_key(id), encode_keywords(table.names()));
  }
  rows_.put(kHeadKey, encode(head_));
}

engine::Step edit_step(AccountId account, std::function<Result<void>(AccountEdit&)> work) {
  return engine::Step{account_partition(account),
                      [account, work = std::move(work)](engine::Transaction& rows) -> Result<void> {
                        AccountEdit edit(rows, account);
                        Result<void> loaded = edit.load();
                        if (!loaded) return loaded;
                        Result<void> done = work(edit);
                        if (done) edit.save();
                        return done;
                      }};
}

}  // namespace posthouse::store
