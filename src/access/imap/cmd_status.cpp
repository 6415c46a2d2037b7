// STATUS (RFC 3501 section 6.3.10; SIZE: RFC 8438; APPENDLIMIT: RFC 7889 section 3; HIGHESTMODSEQ: RFC 7162
// section 3.1.7; DELETED, DELETED-STORAGE: RFC 9208 section 4.1.4).
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/object_id.h"
#include "access/imap/sharing.h"

namespace posthouse::access::imap {

namespace {

// What is not in the mailbox's row.
struct Counted {
  uint32_t recent = 0;
  uint64_t deleted_octets = 0;
};

std::string item_text(const Session& s, store::AccountId account, const store::MailboxInfo& info,
                      const Counted& counted, wire::imap::StatusItem item) {
  using wire::imap::StatusItem;
  switch (item) {
    case StatusItem::messages:
      return "MESSAGES " + std::to_string(info.exists);
    case StatusItem::recent:
      return "RECENT " + std::to_string(counted.recent);
    case StatusItem::uid_next:
      return "UIDNEXT " + std::to_string(info.uid_next);
    case StatusItem::uid_validity:
      return "UIDVALIDITY " + std::to_string(info.uid_validity);
    case StatusItem::unseen:
      return "UNSEEN " + std::to_string(info.unseen);
    case StatusItem::size:
      return "SIZE " + std::to_string(info.bytes);
    case StatusItem::append_limit:
      return "APPENDLIMIT " + std::to_string(s.options->append_limit);
    case StatusItem::mailbox_id:
      return "MAILBOXID (" + mailbox_id(s, account, info.id) + ")";
    case StatusItem::deleted:
      return "DELETED " + std::to_string(info.deleted);
    case StatusItem::deleted_storage:
      return "DELETED-STORAGE " + std::to_string(counted.deleted_octets);
    case StatusItem::highest_modseq:
      return "HIGHESTMODSEQ " + std::to_string(info.highest_modseq);
  }
  return "";
}

// Messages that a session that selected the mailbox now would see as \Recent.
Task<Result<uint32_t>> count_recent(Session& s, store::AccountId account, store::MailboxInfo info) {
  uint32_t count = 0;
  for (store::Uid from = info.first_recent; from < info.uid_next;) {
    Result<std::vector<store::Entry>> some =
        co_await s.store().entries(account, info.id, from, info.uid_next - 1, kEntriesPlain, false);
    if (!some) co_return std::unexpected(some.error());
    count += static_cast<uint32_t>(some->size());
    if (some->size() < kEntriesPlain) break;
    from = some->back().uid + 1;
  }
  co_return count;
}

// Octets of the messages with \Deleted (RFC 9208 section 4.1.4).
Task<Result<uint64_t>> count_deleted(Session& s, store::AccountId account, store::MailboxInfo info) {
  uint64_t octets = 0;
  uint32_t left = info.deleted;
  for (store::Uid from = 1; left > 0 && from < info.uid_next;) {
    Result<std::vector<store::Entry>> some =
        co_await s.store().entries(account, info.id, from, info.uid_next - 1, kEntriesPlain, false);
    if (!some) co_return std::unexpected(some.error());
    for (const store::Entry& entry : *some) {
      if ((entry.flags.system & store::kDeleted) == 0) continue;
      octets += entry.size;
      left -= std::min(left, 1U);
    }
    if (some->size() < kEntriesPlain) break;
    from = some->back().uid + 1;
  }
  co_return octets;
}

bool has(const std::vector<wire::imap::StatusItem>& items, wire::imap::StatusItem item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

}  // namespace

bool asks_for_modseq(const std::vector<wire::imap::StatusItem>& items) {
  return has(items, wire::imap::StatusItem::highest_modseq);
}

Task<Result<void>> tell_status(Session& s, store::AccountId account, store::MailboxInfo info,
                               std::vector<wire::imap::StatusItem> items) {
  Counted counted;
  if (has(items, wire::imap::StatusItem::recent)) {
    Result<uint32_t> recent = co_await count_recent(s, account, info);
    if (!recent) co_return std::unexpected(recent.error());
    counted.recent = *recent;
  }
  if (has(items, wire::imap::StatusItem::deleted_storage)) {
    Result<uint64_t> octets = co_await count_deleted(s, account, info);
    if (!octets) co_return std::unexpected(octets.error());
    counted.deleted_octets = *octets;
  }
  s.out += "* STATUS ";
  append_mailbox(s, info.name);
  std::string_view before = " (";
  for (const wire::imap::StatusItem item : items) {
    s.out += before;
    s.out += item_text(s, account, info, counted, item);
    before = " ";
  }
  s.out += ")\r\n";
  co_return Result<void>();
}

Task<Reply> cmd_status(Session& s, wire::imap::Status& c) {
  std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return no("There is no such mailbox", "NONEXISTENT");
  Reached reached = co_await reach(s, std::move(*name), {store::kMayRead});
  if (reached.refusal) co_return std::move(*reached.refusal);
  if (asks_for_modseq(c.items)) enable_condstore(s);
  Result<void> told =
      co_await tell_status(s, reached.mailbox.account, std::move(reached.mailbox.info), std::move(c.items));
  if (!told) co_return refuse(told.error());
  co_return ok("STATUS done");
}

}  // namespace posthouse::access::imap
