// EXPUNGE, UID EXPUNGE, CLOSE (RFC 3501 sections 6.4.3 and 6.4.2; RFC 4315 section 2.1).
#include "access/imap/batches.h"
#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/message_limit.h"
#include "access/imap/sharing.h"

namespace posthouse::access::imap {

namespace {

// Of so many messages, the store finds those with \Deleted itself, if that is most of them.
constexpr uint64_t kLookedAtOnce = 500;

// Those of the view's messages that have \Deleted, within the ranges.
Task<Result<std::vector<store::Uid>>> find_deleted(Session& s,
                                                   std::vector<wire::imap::NumberRange> messages) {
  std::vector<store::Uid> found;
  auto sheet = co_await s.store().flags(s.view->account, s.view->mailbox, count_of(messages));
  if (!sheet) co_return std::unexpected(sheet.error());
  if (*sheet != nullptr) {
    for (const wire::imap::NumberRange& range : messages) {
      (*sheet)->for_each(s.view->uids.at(range.first), s.view->uids.at(range.last),
                         [&](const store::FlagSheet::Mark& mark) {
                           if ((mark.system & store::kDeleted) != 0) found.push_back(mark.uid);
                           return true;
                         });
    }
    co_return found;
  }
  Batches batches(std::move(messages), Wanted::entry);
  while (!batches.done()) {
    Result<std::vector<store::Entry>> entries = co_await batches.next(s, *s.view);
    if (!entries) co_return std::unexpected(entries.error());
    for (const store::Entry& entry : *entries) {
      if ((entry.flags.system & store::kDeleted) != 0) found.push_back(entry.uid);
    }
  }
  co_return found;
}

// Removes them, or the last `most` (0: all), and `lowest` is the first of these then; gives those that went.
Task<Result<std::vector<store::Uid>>> expunge(Session& s, std::vector<wire::imap::NumberRange> messages,
                                              uint32_t most, store::Uid& lowest) {
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.view->account, s.view->mailbox);
  if (!info) co_return std::unexpected(info.error());
  if (info->deleted == 0) co_return std::vector<store::Uid>();
  std::vector<store::Uid> uids;
  const uint64_t asked = count_of(messages);
  if (most == 0 && asked >= kLookedAtOnce && info->deleted >= asked / 2) {
    uids = uids_of(*s.view, messages);
  } else {
    Result<std::vector<store::Uid>> deleted = co_await find_deleted(s, std::move(messages));
    if (!deleted || deleted->empty()) co_return deleted;
    uids = std::move(*deleted);
  }
  if (keep_last(uids, most)) lowest = uids.front();
  Result<std::vector<store::Uid>> gone =
      co_await s.store().expunge(s.view->account, s.view->mailbox, std::move(uids));
  co_return gone;
}

std::vector<wire::imap::NumberRange> all_messages(const View& view) {
  if (view.uids.empty()) return {};
  return {{1, view.uids.size()}};
}

}  // namespace

Task<Reply> cmd_expunge(Session& s, wire::imap::Expunge& c) {
  if (s.view->examined) co_return no("The mailbox is open read-only", "CANNOT");
  if (!s.view->may(store::kMayExpunge)) co_return no_right();
  std::vector<wire::imap::NumberRange> messages =
      c.uids ? messages_of(*s.view, *c.uids, true) : all_messages(*s.view);
  // RFC 9738 section 3.1: of UID EXPUNGE alone
  const uint32_t most = c.uids ? s.options->message_limit : 0;
  store::Uid lowest = 0;
  Result<std::vector<store::Uid>> gone = co_await expunge(s, std::move(messages), most, lowest);
  if (!gone) co_return refuse(gone.error());
  tell_expunged(s, std::move(*gone), lowest != 0);
  if (lowest != 0) co_return limited(s, ok("EXPUNGE done"), lowest);
  co_return ok("EXPUNGE done");
}

Task<Reply> cmd_close(Session& s, wire::imap::Close&) {
  // RFC 4314 section 4: without the right it only closes
  if (s.view->may(store::kMayExpunge)) {
    std::vector<wire::imap::NumberRange> messages = all_messages(*s.view);
    store::Uid lowest = 0;
    Result<std::vector<store::Uid>> gone = co_await expunge(s, std::move(messages), 0, lowest);
    // CLOSE can't fail (section 6.4.2): the mailbox is left, and what could not be done is said.
    if (!gone) {
      append_status(s, "*", refuse(gone.error()));
    }
  }
  co_await retire_from_mailbox(s);
  co_return ok("CLOSE done");
}

}  // namespace posthouse::access::imap
