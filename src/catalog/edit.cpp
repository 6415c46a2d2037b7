#include "catalog/edit.h"

#include <algorithm>

#include "catalog/limits.h"
#include "catalog/trouble.h"

namespace posthouse::catalog {
namespace {

constexpr size_t kCounted = 1'000;  // letters of a conversation of which the mailboxes are looked up

}  // namespace

Result<std::optional<EmailRow>> CatalogEdit::email(EmailId id) const {
  const auto record = rows_.get(email_key(id));
  if (!record) return std::unexpected(record.error());
  if (!*record) return std::nullopt;
  auto row = decode_email(**record);
  if (!row) return std::unexpected(row.error());
  return std::move(*row);
}

void CatalogEdit::put_log(EmailId id, const LogRow& row) {
  rows_.put(log_key(position_, id), encode(row));
}

// A letter is in the log once, with its last change; and once more for each time that it was gone.
void CatalogEdit::note_change(EmailId id, EmailRow& row) {
  if (row.changed != 0) rows_.erase(log_key(row.changed, id));
  row.changed = position_;
  put_log(id, {false, row.created, row.thread});
}

Result<void> CatalogEdit::add(const Arrival& arrival) {
  auto found = email(arrival.email);
  if (!found) return std::unexpected(found.error());
  EmailRow row;
  if (*found) {
    row = std::move(**found);
  } else {
    const auto thread = conversation_of(arrival);
    if (!thread) return std::unexpected(thread.error());
    row.thread = *thread;
    row.created = position_;
    if (auto joined = join(arrival, row.thread); !joined) return joined;
  }
  const auto at = std::lower_bound(row.places.begin(), row.places.end(), arrival.place);
  if (at == row.places.end() || *at != arrival.place) {
    if (row.places.size() >= kMaxPlaces) return {};
    row.places.insert(at, arrival.place);
    rows_.put(place_key(arrival.place), encode_number(arrival.email));
  }
  note_change(arrival.email, row);
  rows_.put(email_key(arrival.email), encode(row));
  return count(row.thread, row);
}

Result<ThreadId> CatalogEdit::conversation_of(const Arrival& arrival) const {
  for (const uint64_t key : arrival.keys) {
    const auto record = rows_.get(lead_key(key));
    if (!record) return std::unexpected(record.error());
    if (*record) return decode_number(**record);
  }
  return arrival.email;
}

Result<void> CatalogEdit::join(const Arrival& arrival, ThreadId thread) {
  MemberRow member;
  member.created = position_;
  for (const uint64_t key : arrival.keys) {
    const auto record = rows_.get(lead_key(key));
    if (!record) return std::unexpected(record.error());
    if (*record) continue;
    rows_.put(lead_key(key), encode_number(thread));
    member.keys.push_back(key);
  }
  // One that comes back may have led here before.
  const auto before = rows_.get(member_key(thread, arrival.email));
  if (!before) return std::unexpected(before.error());
  if (*before) {
    const auto row = decode_member(**before);
    if (!row) return std::unexpected(row.error());
    member.keys.insert(member.keys.end(), row->keys.begin(), row->keys.end());
    if (member.keys.size() > kMaxKeys) member.keys.resize(kMaxKeys);
  }
  rows_.put(member_key(thread, arrival.email), encode(member));
  return {};
}

// What leads to a conversation stays until all its letters are gone: an answer to one that is gone belongs to
// the others.
Result<void> CatalogEdit::leave(ThreadId thread, EmailId email) {
  Trouble trouble;
  bool alive = false;
  std::vector<std::pair<EmailId, MemberRow>> members;
  const std::string prefix = members_prefix(thread);
  const Result<void> scanned =
      rows_.scan(prefix, behind(prefix), [&](std::string_view key, std::string_view value) {
        auto row = decode_member(value);
        if (!trouble.good(row)) return false;
        alive = alive || (row->gone == 0 && member_of(key) != email);
        members.emplace_back(member_of(key), std::move(*row));
        return true;
      });
  if (auto good = trouble.after(scanned); !good) return good;
  for (auto& [id, row] : members) {
    if (!alive) {
      for (const uint64_t key : row.keys) rows_.erase(lead_key(key));
      rows_.erase(member_key(thread, id));
    } else if (id == email) {
      row.gone = position_;
      rows_.put(member_key(thread, id), encode(row));
    }
  }
  return {};
}

Result<void> CatalogEdit::remove(Place place) {
  const auto record = rows_.get(place_key(place));
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};  // it came and went
  const auto id = decode_number(**record);
  if (!id) return std::unexpected(id.error());
  rows_.erase(place_key(place));
  auto found = email(*id);
  if (!found) return std::unexpected(found.error());
  if (!*found) return fail(FaultKind::corrupt, "a place without its letter in a catalog");
  EmailRow& row = **found;
  std::erase(row.places, place);
  counted_.insert(place.mailbox);
  if (!row.places.empty()) {
    note_change(*id, row);
    rows_.put(email_key(*id), encode(row));
    return count(row.thread, row);
  }
  rows_.erase(email_key(*id));
  rows_.erase(log_key(row.changed, *id));
  put_log(*id, {true, row.created, row.thread});
  ++head_.tombstones;
  if (auto counted = count(row.thread, row); !counted) return counted;
  return leave(row.thread, *id);
}

// The number of unread conversations in a mailbox depends on letters in others (RFC 8621 section 2).
Result<void> CatalogEdit::count(ThreadId thread, const EmailRow& row) {
  for (const Place& place : row.places) counted_.insert(place.mailbox);
  if (!seen_.insert(thread).second) return {};
  Trouble trouble;
  size_t members = 0;
  const std::string prefix = members_prefix(thread);
  const Result<void> scanned =
      rows_.scan(prefix, behind(prefix), [&](std::string_view key, std::string_view) {
        const auto other = email(member_of(key));
        if (!trouble.good(other)) return false;
        if (*other) {
          for (const Place& place : (*other)->places) counted_.insert(place.mailbox);
        }
        return ++members < kCounted;
      });
  return trouble.after(scanned);
}

Result<void> CatalogEdit::forget_some() {
  if (head_.tombstones <= kTombstones + kTombstonesMore) return {};
  Trouble trouble;
  std::vector<std::string> forgotten;
  const std::string prefix(kLogPrefix);
  const Result<void> scanned =
      rows_.scan(prefix, behind(prefix), [&](std::string_view key, std::string_view value) {
        const auto row = decode_log(value);
        if (!trouble.good(row)) return false;
        if (!row->destroyed) return true;
        forgotten.emplace_back(key);
        head_.forgotten = log_place_of(key).position;
        return head_.tombstones - forgotten.size() > kTombstones;
      });
  if (auto good = trouble.after(scanned); !good) return good;
  for (const std::string& key : forgotten) rows_.erase(key);
  head_.tombstones -= forgotten.size();
  return {};
}

Result<void> CatalogEdit::note_mailbox(MailboxId mailbox, uint64_t digest, bool counted) {
  const auto record = rows_.get(mailbox_key(mailbox));
  if (!record) return std::unexpected(record.error());
  MailboxRow row;
  row.created = position_;
  if (*record) {
    const auto known = decode_mailbox(**record);
    if (!known) return std::unexpected(known.error());
    row = *known;
    if (row.digest == digest && !counted) return {};
  }
  if (!*record || row.digest != digest) row.changed = position_;
  row.counted = position_;
  row.digest = digest;
  rows_.put(mailbox_key(mailbox), encode(row));
  return {};
}

Result<void> CatalogEdit::note_mailbox_gone(MailboxId mailbox) {
  const auto record = rows_.get(mailbox_key(mailbox));
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};
  auto row = decode_mailbox(**record);
  if (!row) return std::unexpected(row.error());
  row->destroyed = true;
  row->changed = row->counted = position_;
  rows_.put(mailbox_key(mailbox), encode(*row));
  return {};
}

Result<void> CatalogEdit::forget_some_mailboxes() {
  Trouble trouble;
  std::vector<std::pair<ModSeq, std::string>> gone;
  const std::string prefix(kMailboxPrefix);
  const Result<void> scanned =
      rows_.scan(prefix, behind(prefix), [&](std::string_view key, std::string_view value) {
        const auto row = decode_mailbox(value);
        if (!trouble.good(row)) return false;
        if (row->destroyed) gone.emplace_back(row->changed, key);
        return true;
      });
  if (auto good = trouble.after(scanned); !good) return good;
  if (gone.size() <= kMailboxTombstones) return {};
  std::ranges::sort(gone);
  gone.resize(gone.size() - kMailboxTombstones);
  for (const auto& [position, key] : gone) rows_.erase(key);
  head_.forgotten = std::max(head_.forgotten, gone.back().first);
  return {};
}

}  // namespace posthouse::catalog
