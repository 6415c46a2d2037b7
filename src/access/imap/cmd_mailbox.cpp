// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7; CREATE with USE: RFC 6154
// section 3).
#include "access/imap/commands.h"
#include "access/imap/object_id.h"
#include "access/imap/special_use.h"
#include "wire/imap/list_pattern.h"

namespace posthouse::access::imap {

namespace {
Reply bad_name() {
  return no("A mailbox can't have this name", "CANNOT");
}
Reply no_such() {
  return no("There is no such mailbox", "NONEXISTENT");
}

// RFC 6154 section 3
Reply no_use() {
  return no("A mailbox can't have this use, or another one has it", "USEATTR");
}
}  // namespace

Task<Reply> cmd_create(Session& s, wire::imap::Create& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  // A separator at the end only says that inferiors are to come (section 6.3.3).
  if (name && name->ends_with(wire::imap::kSeparator)) name->pop_back();
  if (!name || name->empty()) co_return bad_name();
  const std::optional<store::Role> role = role_of(c.uses);
  if (!role) co_return no_use();
  Result<store::MailboxInfo> made = co_await s.store().create_mailbox(s.account, *name, *role);
  if (!made && made.error().kind == FaultKind::exists && *role != store::Role::none) {
    const Result<store::MailboxInfo> there = co_await s.store().mailbox(s.account, *name);
    if (!there) co_return no_use();
  }
  if (!made) co_return refuse(made.error());
  if (s.observer) s.observer->made(*made);
  co_return ok("CREATE done", "MAILBOXID (" + mailbox_id(made->id) + ")");
}

Task<Reply> cmd_delete(Session& s, wire::imap::Delete& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  if (!name) co_return no_such();
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.account, *name);
  if (!info) co_return refuse(info.error());
  Result<void> done = co_await s.store().delete_mailbox(s.account, std::move(*name));
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->deleted(info->id);
  // The session's own mailbox is gone with its messages: nothing is selected any more.
  if (s.view && s.view->mailbox == info->id) leave_mailbox(s);
  co_return ok("DELETE done");
}

Task<Reply> cmd_rename(Session& s, wire::imap::Rename& c) {
  std::optional<std::string> from = mailbox_name(c.from);
  std::optional<std::string> to = mailbox_name(c.to);
  if (!from) co_return no_such();
  if (to && to->ends_with(wire::imap::kSeparator)) to->pop_back();
  if (!to || to->empty()) co_return bad_name();
  Result<void> done = co_await s.store().rename_mailbox(s.account, *from, *to);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->renamed(*from, *to);
  co_return ok("RENAME done");
}

Task<Reply> cmd_subscribe(Session& s, wire::imap::Subscribe& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  if (!name) co_return bad_name();
  Result<void> done = co_await s.store().subscribe(s.account, *name, true);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->subscribed(*name, true);
  co_return ok("SUBSCRIBE done");
}

Task<Reply> cmd_unsubscribe(Session& s, wire::imap::Unsubscribe& c) {
  std::optional<std::string> name = mailbox_name(c.mailbox);
  if (!name) co_return no_such();
  Result<void> done = co_await s.store().subscribe(s.account, *name, false);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->subscribed(*name, false);
  co_return ok("UNSUBSCRIBE done");
}

}  // namespace posthouse::access::imap
