// What a session looks at beside its mailbox, for a client that wants to be told of it: annotations that
// others change (RFC 5464 section 4.4), and the events of NOTIFY (RFC 5465).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "access/imap/former_names.h"
#include "access/imap/located.h"
#include "access/waker.h"
#include "base/task.h"
#include "engine/engine.h"
#include "store/mail_store.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

struct Session;

struct Observer {
  Waker waker;
  bool stale = false;     // the store could not tell the news: ask again
  bool metadata = false;  // ENABLE METADATA
  // The last NOTIFY; its mailbox names are decoded.
  std::optional<wire::imap::Notify> notify;
  store::AccountId account = 0;  // the session's
  // All as the client knows it. Mailboxes of others are there as far as NOTIFY names them.
  using Key = std::pair<store::AccountId, store::MailboxId>;
  std::map<store::AccountId, store::MailStore::AnnotationNames> annotations;
  std::map<Key, Located> mailboxes;
  FormerNames former;
  // Mailboxes that it was told it may not look up, at most kWithdrawnNames: others are new when they are
  // back.
  std::set<std::string> no_access;
  std::set<std::string> subscriptions;
  std::set<store::Uid> mine;  // what the session put into the selected mailbox since it was last told of it
  std::unique_ptr<engine::Watch> watch;  // signals the waker; ends before it
  // Of those whose mailboxes are told of, or were: rights may come back (RFC 5465 section 5.9).
  std::map<store::AccountId, std::unique_ptr<engine::Watch>> owners;

  // Of the selected mailbox; null: there is none, or there was no NOTIFY.
  const wire::imap::NotifyGroup* for_selected() const;
  // Whether events of messages of the selected mailbox, and changes of their flags, are told at all.
  bool wants_messages() const;
  bool wants_flags() const;
  // News are told also when no command is under way (RFC 5465 section 3.1).
  bool tells_at_any_time() const { return notify && notify->set; }
  // The events (bits of wire::imap::Notify::Event) that are wanted of a mailbox that is not selected; `own`:
  // it is the session's.
  uint8_t events_of(const std::string& mailbox, bool subscribed, bool own) const;
  uint8_t events_of(const Located& mailbox) const {
    return events_of(mailbox.info.name, mailbox.info.subscribed, mailbox.account == account);
  }
  // Some are wanted of mailboxes whose names begin so, when these are subscribed.
  bool wants_below(std::string_view prefix, const std::vector<std::string>& names) const;
  bool wants_server_metadata() const;

  // A mailbox has its name no more, or may not be looked up.
  void left(const Located& mailbox);

  // What the session itself has done is not told, but for what it can't know: the numbers of messages that a
  // mailbox has now (RFC 5465 section 5.2), and a new UIDVALIDITY (section 5.1).
  void annotated(store::AccountId owner, store::MailboxId mailbox,
                 const std::vector<store::AnnotationChange>& changes, std::optional<store::Role> role,
                 const store::MailStore::Annotated& done);
  void made(const store::MailboxInfo& mailbox);
  void deleted(store::MailboxId mailbox);
  void renamed(const std::string& from, const std::string& to);
  void subscribed(const std::string& mailbox, bool now);
};

// The session itself has put these (rising) into a mailbox: if it is selected they are not fetched for it.
void note_put(Session& s, store::AccountId account, store::MailboxId mailbox,
              const std::vector<store::Uid>& rising);
// Notes how all is now; what happens from here on is told. A fault: nothing is observed.
Task<Result<void>> begin_observing(Session& s);
// The same of mailboxes of others, after NOTIFY. False: they are too many.
Task<Result<bool>> observe_others(Session& s);
// Tells what happened since the last time.
Task<void> tell_observed(Session& s);

// The parts of that.
Task<Result<void>> tell_metadata(Session& s, const std::vector<Located>& now);
Task<Result<void>> tell_mailboxes(Session& s, const std::vector<Located>& now);
// "* OK [NOTIFICATIONOVERFLOW]", and from then on nothing (section 5.8).
void overflow(Session& s);
// What a STATUS of a mailbox with these events has to have (section 3.1).
std::vector<wire::imap::StatusItem> status_items(const Session& s, uint8_t events);

}  // namespace posthouse::access::imap
