// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7; CREATE with USE: RFC 6154
// section 3).
#include "access/imap/commands.h"
#include "access/imap/names_of_others.h"
#include "access/imap/object_id.h"
#include "access/imap/sharing.h"
#include "access/imap/special_use.h"
#include "base/ascii.h"
#include "message/unicode_text.h"
#include "store/names.h"
#include "wire/imap/list_pattern.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::access::imap {

namespace {
Reply bad_name() {
  return no("A mailbox can't have this name", "CANNOT");
}

// RFC 6154 section 3
Reply no_use() {
  return no("A mailbox can't have this use, or another one has it", "USEATTR");
}

// A name for a mailbox that does not exist yet.
struct NewName {
  std::string sent, name;  // both in UTF-8; `name` is normalised for clients with UTF-8
};

// Nothing if no new mailbox can have it (RFC 9051 section 6.3.4, RFC 6855 section 3).
std::optional<NewName> new_name(const Session& s, std::string_view as_sent) {
  std::optional<std::string> name = mailbox_name(s, as_sent);
  // A separator at the end only says that inferiors are to come (RFC 3501 section 6.3.3).
  if (name && name->ends_with(wire::imap::kSeparator)) name->pop_back();
  if (!name || name->empty() || has_dot_level(*name)) return std::nullopt;
  NewName out{*name, *name};
  if (s.utf8()) {
    if (!wire::imap::is_net_unicode(*name)) return std::nullopt;
    out.name = message::normalize_nfc(*name);
  }
  return out;
}
}  // namespace

Task<Reply> cmd_create(Session& s, wire::imap::Create& c) {
  const std::optional<NewName> wanted = new_name(s, c.mailbox);
  if (!wanted) co_return bad_name();
  const std::optional<store::Role> role = role_of(c.uses);
  if (!role) co_return no_use();
  NewPlace place = co_await place_for(s, wanted->name);
  if (place.refusal) co_return std::move(*place.refusal);
  const bool own = place.account == s.account;
  if (!own && *role != store::Role::none) co_return no_use();  // uses are the owner's
  Result<store::MailboxInfo> made = co_await s.store().create_mailbox(place.account, place.local_name, *role);
  if (!made && made.error().kind == FaultKind::exists && *role != store::Role::none) {
    const Result<store::MailboxInfo> there = co_await s.store().mailbox(place.account, place.local_name);
    if (!there) co_return no_use();
  }
  if (!made) co_return refuse(made.error());
  if (s.observer && own) s.observer->made(*made);
  if (wanted->name != wanted->sent) co_await tell_listed(s, place.prefix + made->name, wanted->sent);
  co_return ok("CREATE done", "MAILBOXID (" + mailbox_id(s, place.account, made->id) + ")");
}

Task<Reply> cmd_delete(Session& s, wire::imap::Delete& c) {
  const std::optional<std::string> sent = mailbox_name(s, c.mailbox);
  std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return no_such_mailbox("NONEXISTENT");
  Reached reached = co_await reach(s, std::move(*name), {store::kMayDeleteMailbox});
  if (reached.refusal) co_return std::move(*reached.refusal);
  const Located& mailbox = reached.mailbox;
  Result<void> done = co_await s.store().delete_mailbox(mailbox.account, mailbox.local_name());
  if (!done) co_return refuse(done.error());
  if (s.observer && mailbox.account == s.account) s.observer->deleted(mailbox.info.id);
  // The session's own mailbox is gone with its messages: nothing is selected any more.
  if (s.view && s.view->is(mailbox.account, mailbox.info.id)) leave_mailbox(s);
  if (*sent != mailbox.info.name && !iequals(*sent, mailbox.info.name))
    co_await tell_listed(s, mailbox.info.name, *sent);
  co_return ok("DELETE done");
}

namespace {

// Between mailboxes of one account alone: a mailbox does not change its owner.
Task<Reply> rename_shared(Session& s, std::string from, std::string to) {
  Reached reached = co_await reach(s, std::move(from), {store::kMayDeleteMailbox});
  if (reached.refusal) co_return std::move(*reached.refusal);
  NewPlace place = co_await place_for(s, std::move(to));
  if (place.refusal) co_return std::move(*place.refusal);
  const bool inbox = reached.mailbox.local_name() == store::kInbox;
  if (place.account != reached.mailbox.account || inbox) co_return no("That can't be done", "CANNOT");
  Result<void> done = co_await s.store().rename_mailbox(place.account, reached.mailbox.local_name(),
                                                        std::move(place.local_name));
  co_return done ? ok("RENAME done") : refuse(done.error());
}

Task<Reply> rename_own(Session& s, std::string from, std::string to) {
  if (is_shared_name(to)) {
    const Result<store::MailboxInfo> there = co_await s.store().mailbox(s.account, from);
    if (!there) co_return refuse(there.error());
    co_return no_right();
  }
  Result<void> done = co_await s.store().rename_mailbox(s.account, from, to);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->renamed(from, to);
  co_return ok("RENAME done");
}

}  // namespace

Task<Reply> cmd_rename(Session& s, wire::imap::Rename& c) {
  const std::optional<std::string> sent = mailbox_name(s, c.from);
  const std::optional<std::string> from = co_await known_mailbox(s, c.from);
  if (!from) co_return no_such_mailbox("NONEXISTENT");
  const std::optional<NewName> to = new_name(s, c.to);
  if (!to) co_return bad_name();
  const bool of_others = co_await names_others(s, *from);
  auto work = of_others ? rename_shared(s, *from, to->name) : rename_own(s, *from, to->name);
  Reply reply = co_await work;
  const bool renamed = reply.kind == Reply::ok;
  if (renamed && (*sent != *from || to->sent != to->name)) co_await tell_listed(s, to->name, *sent);
  co_return reply;
}

Task<Reply> cmd_subscribe(Session& s, wire::imap::Subscribe& c) {
  std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return bad_name();
  const bool of_others = co_await names_others(s, *name);
  if (of_others) {
    Reached reached = co_await reach(s, *name, {store::kMayLookUp});
    if (reached.refusal) co_return std::move(*reached.refusal);
    name = std::move(reached.mailbox.info.name);
  }
  Result<void> done = co_await s.store().subscribe(s.account, *name, true);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->subscribed(*name, true);
  co_return ok("SUBSCRIBE done");
}

Task<Reply> cmd_unsubscribe(Session& s, wire::imap::Unsubscribe& c) {
  std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return no_such_mailbox("NONEXISTENT");
  // The list may have either form, whether there is such a mailbox or not.
  const std::optional<std::string> sent = mailbox_name(s, c.mailbox);
  if (*sent != *name) {
    Result<void> other = co_await s.store().subscribe(s.account, *sent, false);
    if (!other) co_return refuse(other.error());
  }
  Result<void> done = co_await s.store().subscribe(s.account, *name, false);
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->subscribed(*name, false);
  co_return ok("UNSUBSCRIBE done");
}

}  // namespace posthouse::access::imap
