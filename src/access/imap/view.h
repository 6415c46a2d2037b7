// The selected mailbox as this session has told its client.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/imap/search_context.h"
#include "access/waker.h"
#include "engine/engine.h"
#include "store/mail_store.h"
#include "store/rights.h"
#include "store/types.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

struct View {
  store::AccountId account = 0;  // whose it is
  store::MailboxId mailbox = 0;
  std::string prefix;                        // see Located
  bool as_anyone = false;                    // see Located
  store::Rights rights = store::kAllRights;  // as they were at the last look
  uint32_t uid_validity = 0;
  bool examined = false;
  bool read_only = false;      // examined, or there is no right to change anything
  store::UidList uids;         // sequence numbers; holds messages that are gone until the client was told
  store::Uid next_uid = 1;     // larger than every UID told
  store::Uid recent_from = 1;  // messages from here on are \Recent in this session (RFC 3501 section 2.3.2)
  store::Uid claimed = 1;      // messages below are \Recent in no later session
  store::ModSeq known = 0;     // all changes up to here are in the view
  store::ModSeq before_gone = 0;  // the same before the first of `gone` went
  store::ModSeq client_has = 0;   // what a client with CONDSTORE takes for the mailbox's HIGHESTMODSEQ
  store::ModSeq told_modseq = 0;  // the largest in FETCH responses since the last tagged one
  std::vector<store::Uid> gone;   // rising: expunged, and the client not yet told (RFC 3501 section 7.4.1)
  // Changes of this session that it has told already: UID and MODSEQ, rising.
  std::vector<std::pair<store::Uid, store::ModSeq>> own;
  std::vector<store::Placed> put;       // by the last APPEND of this session, without keywords
  std::vector<std::string> keywords;    // in the FLAGS response the client has
  bool stale = false;                   // the store could not tell the news: ask again
  std::vector<SearchContext> contexts;  // RFC 5267
  // Messages that changed since the contexts were asked about them, and those of them that came.
  std::vector<store::Uid> touched, fresh;
  store::UidList saved;  // "$" (RFC 5182); what is gone since is not in `uids`
  Waker waker;
  std::unique_ptr<engine::Watch> watch;  // signals the waker; ends before it

  bool is(store::AccountId of, store::MailboxId id) const { return account == of && mailbox == id; }
  bool may(store::Rights needed) const { return !read_only && (rights & needed) == needed; }
  uint32_t recent() const;
  bool is_recent(store::Uid uid) const { return uid >= recent_from; }
  // All changes up to here were told: a client that comes back with this MODSEQ misses nothing.
  store::ModSeq told_until() const { return gone.empty() ? known : before_gone; }
  bool already_told(const store::Entry& entry) const;
  void told(const store::Entry& entry) { told(entry.uid, entry.modseq); }
  void told(store::Uid uid, store::ModSeq modseq);
  void touch(store::Uid uid) {
    if (!contexts.empty()) touched.push_back(uid);
  }
  // Notes that these (rising) UIDs are gone; those the view doesn't have are left out.
  void add_gone(const std::vector<store::Uid>& vanished);
  // True if there was a keyword that the client doesn't know yet.
  bool learn_keywords(const std::vector<std::string>& seen);
};

// The sequence numbers (rising) that a set names in the view: of sequence numbers or of UIDs.
std::vector<wire::imap::NumberRange> messages_of(const View& view, const wire::imap::SequenceSet& set,
                                                 bool uid);
// Those of `uids` that are still in the view.
std::vector<wire::imap::NumberRange> messages_of(const View& view, const store::UidList& uids);
// The UIDs of these messages, rising.
std::vector<store::Uid> uids_of(const View& view, const std::vector<wire::imap::NumberRange>& messages);

}  // namespace posthouse::access::imap
