// SELECT, EXAMINE, UNSELECT (RFC 3501 sections 6.3.1 and 6.3.2; RFC 7162 sections 3.1.8 and 3.2.5; RFC 3691).
#include "access/imap/commands.h"
#include "access/imap/object_id.h"
#include "access/imap/resync.h"
#include "access/imap/sharing.h"
#include "base/log.h"

namespace posthouse::access::imap {

namespace {

void tell_selected(Session& s, const store::MailboxInfo& info, uint32_t first_unseen) {
  tell_known_flags(s);
  s.untagged(std::to_string(s.view->uids.size()) + " EXISTS");
  tell_recent(s);
  // Not of IMAP4rev2 (RFC 9051 appendix E), and a message number (RFC 9586)
  if (first_unseen != 0 && !s.rev2 && !s.uid_only) {
    s.untagged_ok("UNSEEN " + std::to_string(first_unseen), "First unseen");
  }
  s.untagged_ok("UIDVALIDITY " + std::to_string(info.uid_validity), "UIDs valid");
  s.untagged_ok("UIDNEXT " + std::to_string(info.uid_next), "Predicted next UID");
  s.untagged_ok("HIGHESTMODSEQ " + std::to_string(info.highest_modseq), "Changes so far");
  s.untagged_ok("MAILBOXID (" + mailbox_id(s, s.view->account, info.id) + ")", "For ever");
}

// Fills a new view. The watch starts first, so that no change can slip between it and the reading.
Task<Reply> open_mailbox(Session& s, std::string as_sent, wire::imap::SelectParameters parameters,
                         bool read_only) {
  if (parameters.resync && !s.qresync) co_return bad("ENABLE QRESYNC comes first");
  const bool closes = s.view != nullptr;
  co_await retire_from_mailbox(s);  // also when this fails (RFC 3501 section 6.3.1)
  // RFC 7162 section 3.2.11: what follows is about the other mailbox
  if (closes) s.untagged_ok("CLOSED", "Mailbox closed");
  if (parameters.condstore) enable_condstore(s);
  const std::optional<std::string> sent = mailbox_name(s, as_sent);
  std::optional<std::string> name = co_await known_mailbox(s, std::move(as_sent));
  if (!name) co_return no("There is no such mailbox", "NONEXISTENT");
  // RFC 9051 section 6.3.2: LIST has the name that is normalised, and what it was called
  std::string old_name = sent && *sent != *name ? *sent : "";
  Reached reached = co_await reach(s, std::move(*name), {store::kMayRead});
  if (reached.refusal) co_return std::move(*reached.refusal);
  const Located& mailbox = reached.mailbox;
  const bool examined = std::exchange(read_only, read_only || is_read_only(mailbox.rights));
  auto view = std::make_unique<View>();
  watch_view(s, *view, mailbox.account);
  Result<store::MailStore::Opened> opened =
      co_await s.store().open(mailbox.account, mailbox.info.id, !read_only);
  if (!opened) co_return refuse(opened.error());
  view->examined = examined;
  view->read_only = read_only;
  const store::MailboxInfo info = opened->info;
  const uint32_t first_unseen = opened->first_unseen;
  fill_view(*view, mailbox, std::move(*opened));
  s.view = std::move(view);
  s.state = kSelected;
  tell_selected(s, info, first_unseen);
  co_await tell_listed(s, mailbox.info.name, std::move(old_name));
  if (parameters.resync && parameters.resync->uid_validity == s.view->uid_validity) {
    Result<void> told = co_await tell_resync(s, std::move(*parameters.resync));
    if (!told) {
      leave_mailbox(s);
      co_return refuse(told.error());
    }
  }
  if (examined) co_return ok("Mailbox examined", "READ-ONLY");
  co_return ok("Mailbox selected", s.view->read_only ? "READ-ONLY" : "READ-WRITE");
}

}  // namespace

// An observer's waker is the one that is waited for (telling.cpp), and its own watch is on the session's
// account alone.
void watch_view(Session& s, View& view, store::AccountId account) {
  Waker* waker = &view.waker;
  Waker* other = s.observer && account != s.account ? &s.observer->waker : nullptr;
  view.watch.reset();
  view.watch = s.store().watch(account, [waker, other] {
    waker->signal();
    if (other != nullptr) other->signal();
  });
}

void fill_view(View& view, const Located& mailbox, store::MailStore::Opened opened) {
  view.account = mailbox.account;
  view.prefix = mailbox.prefix;
  view.as_anyone = mailbox.as_anyone;
  view.rights = mailbox.rights;
  view.mailbox = opened.info.id;
  view.uid_validity = opened.info.uid_validity;
  view.uids = std::move(opened.uids);
  view.next_uid = std::max(opened.info.uid_next, view.uids.last() + 1);
  view.claimed = view.next_uid;
  view.recent_from = opened.info.first_recent;
  view.known = opened.info.highest_modseq;
  view.client_has = view.known;
  view.keywords = std::move(opened.keywords);
}

void leave_mailbox(Session& s) {
  s.view.reset();
  if (s.state == kSelected) s.state = kAuthenticated;
}

Task<void> retire_from_mailbox(Session& s) {
  if (s.view && !s.view->read_only && s.view->next_uid > s.view->claimed) {
    Result<void> claimed =
        co_await s.store().claim_recent(s.view->account, s.view->mailbox, s.view->next_uid);
    // No harm is done if it fails: the messages are \Recent once more.
    if (!claimed) log::debug("imap.recent_not_claimed", {{"sid", s.id}, {"what", claimed.error().what}});
  }
  leave_mailbox(s);
}

Task<Reply> cmd_select(Session& s, wire::imap::Select& c) {
  return open_mailbox(s, std::move(c.mailbox), std::move(c.parameters), false);
}

Task<Reply> cmd_examine(Session& s, wire::imap::Examine& c) {
  return open_mailbox(s, std::move(c.mailbox), std::move(c.parameters), true);
}

Task<Reply> cmd_unselect(Session& s, wire::imap::Unselect&) {
  co_await retire_from_mailbox(s);
  co_return ok("UNSELECT done");
}

}  // namespace posthouse::access::imap
