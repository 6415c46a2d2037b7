// NOTIFY (RFC 5465).
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/list_tree.h"
#include "store/names.h"

namespace posthouse::access::imap {

namespace {

constexpr std::string_view kBadEvent =
    "BADEVENT (MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
    "ServerMetadataChange)";

// Names that no mailbox can have are passed over (section 3.1).
void decode_names(const Session& s, wire::imap::NotifyGroup& group) {
  std::vector<std::string> names;
  for (const std::string& as_sent : group.mailboxes) {
    const std::optional<std::string> name = mailbox_name(s, as_sent);
    if (!name) continue;
    const Result<std::string> checked = store::check_name(*name);
    if (checked) names.push_back(*checked);
  }
  group.mailboxes = std::move(names);
}

// Section 3.1: of all but the selected mailbox.
Task<Result<void>> tell_all_status(Session& s) {
  std::vector<Located> mailboxes;
  for (const auto& [key, mailbox] : s.observer->mailboxes) mailboxes.push_back(mailbox);
  std::ranges::sort(mailboxes, {}, [](const Located& mailbox) { return mailbox.info.name; });
  for (Located& mailbox : mailboxes) {
    if (s.view && s.view->is(mailbox.account, mailbox.info.id)) continue;
    std::vector<wire::imap::StatusItem> items = status_items(s, s.observer->events_of(mailbox));
    if (items.empty() || (mailbox.rights & store::kMayRead) == 0) continue;
    Result<void> told = co_await tell_status(s, mailbox.account, std::move(mailbox.info), std::move(items));
    if (!told) co_return told;
    if (s.wants_flush()) co_await s.flush();
  }
  co_return Result<void>();
}

// Section 3.1: a mailbox that may be looked up, and no more, has no events of messages and annotations.
void tell_no_access(Session& s) {
  for (const auto& [key, mailbox] : s.observer->mailboxes) {
    const uint8_t of_reader = wire::imap::Notify::kMessages | wire::imap::Notify::kMailboxMetadata;
    const bool wanted = (s.observer->events_of(mailbox) & of_reader) != 0;
    if (wanted && (mailbox.rights & store::kMayRead) == 0)
      append_list_line(s, "LIST", "\\NoAccess", mailbox.info.name);
  }
}

}  // namespace

Task<Reply> cmd_notify(Session& s, wire::imap::Notify& c) {
  if (std::ranges::any_of(c.groups, &wire::imap::NotifyGroup::unknown_event))
    co_return no("Some of these events are not known here", std::string(kBadEvent));
  // An implicit NOOP, by what held until now.
  if (s.view) co_await sync(s, Tell::all_now);
  const bool metadata = s.observer && s.observer->metadata;
  if (s.observer) co_await tell_observed(s);
  if (!s.observer || !s.observer->tells_at_any_time()) {
    Result<void> observing = co_await begin_observing(s);
    if (!observing) co_return refuse(observing.error());
    s.observer->metadata = metadata;
  }
  for (wire::imap::NotifyGroup& group : c.groups) decode_names(s, group);
  const bool status = c.status;
  s.observer->notify = std::move(c);
  const Result<bool> others = co_await observe_others(s);
  if (!others || !*others) s.observer->notify.emplace();
  if (!others) co_return refuse(others.error());
  if (!*others) co_return no("Too many accounts", "NOTIFICATIONOVERFLOW");
  tell_no_access(s);
  // What was held back by an earlier one.
  if (s.view) co_await sync(s, Tell::all_now);
  if (status) {
    Result<void> told = co_await tell_all_status(s);
    if (!told) co_return refuse(told.error());
  }
  co_return ok("NOTIFY done");
}

}  // namespace posthouse::access::imap
