// The commands: one function each, and the table that says where each is allowed and what may follow it.
#pragma once

#include <string_view>

#include "access/imap/state.h"
#include "base/task.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

struct Located;

// Each writes its untagged responses to s.out and returns the tagged one.
Task<Reply> cmd_capability(Session& s, wire::imap::Capability& c);
Task<Reply> cmd_noop(Session& s, wire::imap::Noop& c);
Task<Reply> cmd_logout(Session& s, wire::imap::Logout& c);
Task<Reply> cmd_id(Session& s, wire::imap::Id& c);
Task<Reply> cmd_starttls(Session& s, wire::imap::StartTls& c);
Task<Reply> cmd_authenticate(Session& s, wire::imap::Authenticate& c);
Task<Reply> cmd_login(Session& s, wire::imap::Login& c);
Task<Reply> cmd_select(Session& s, wire::imap::Select& c);
Task<Reply> cmd_examine(Session& s, wire::imap::Examine& c);
Task<Reply> cmd_create(Session& s, wire::imap::Create& c);
Task<Reply> cmd_delete(Session& s, wire::imap::Delete& c);
Task<Reply> cmd_rename(Session& s, wire::imap::Rename& c);
Task<Reply> cmd_subscribe(Session& s, wire::imap::Subscribe& c);
Task<Reply> cmd_unsubscribe(Session& s, wire::imap::Unsubscribe& c);
Task<Reply> cmd_list(Session& s, wire::imap::List& c);
Task<Reply> cmd_lsub(Session& s, wire::imap::Lsub& c);
Task<Reply> cmd_status(Session& s, wire::imap::Status& c);
Task<Reply> cmd_append(Session& s, wire::imap::Append& c);
Task<Reply> cmd_replace(Session& s, wire::imap::Replace& c);
Task<Reply> cmd_namespace(Session& s, wire::imap::Namespace& c);
Task<Reply> cmd_enable(Session& s, wire::imap::Enable& c);
Task<Reply> cmd_idle(Session& s, wire::imap::Idle& c);
Task<Reply> cmd_check(Session& s, wire::imap::Check& c);
Task<Reply> cmd_close(Session& s, wire::imap::Close& c);
Task<Reply> cmd_unselect(Session& s, wire::imap::Unselect& c);
Task<Reply> cmd_expunge(Session& s, wire::imap::Expunge& c);
Task<Reply> cmd_search(Session& s, wire::imap::Search& c);
Task<Reply> cmd_sort(Session& s, wire::imap::Sort& c);
Task<Reply> cmd_thread(Session& s, wire::imap::Thread& c);
Task<Reply> cmd_fetch(Session& s, wire::imap::Fetch& c);
Task<Reply> cmd_store(Session& s, wire::imap::Store& c);
Task<Reply> cmd_copy(Session& s, wire::imap::Copy& c);
Task<Reply> cmd_move(Session& s, wire::imap::Move& c);
Task<Reply> cmd_compress(Session& s, wire::imap::Compress& c);
Task<Reply> cmd_get_quota(Session& s, wire::imap::GetQuota& c);
Task<Reply> cmd_get_quota_root(Session& s, wire::imap::GetQuotaRoot& c);
Task<Reply> cmd_get_metadata(Session& s, wire::imap::GetMetadata& c);
Task<Reply> cmd_set_metadata(Session& s, wire::imap::SetMetadata& c);
Task<Reply> cmd_language(Session& s, wire::imap::Language& c);
Task<Reply> cmd_cancel_update(Session& s, wire::imap::CancelUpdate& c);
Task<Reply> cmd_notify(Session& s, wire::imap::Notify& c);
Task<Reply> cmd_set_acl(Session& s, wire::imap::SetAcl& c);
Task<Reply> cmd_delete_acl(Session& s, wire::imap::DeleteAcl& c);
Task<Reply> cmd_get_acl(Session& s, wire::imap::GetAcl& c);
Task<Reply> cmd_list_rights(Session& s, wire::imap::ListRights& c);
Task<Reply> cmd_my_rights(Session& s, wire::imap::MyRights& c);
Task<Reply> cmd_multi_search(Session& s, wire::imap::MultiSearch& c);
Task<Reply> cmd_unauthenticate(Session& s, wire::imap::Unauthenticate& c);

// What a session may tell of the mailbox when the command ends.
enum class Tell : uint8_t {
  nothing,       // not selected, or about to leave
  all_but_gone,  // no EXPUNGE (RFC 3501 section 7.4.1)
  all,
  all_now,  // the same, and the store is asked even if no change was announced
};

struct CommandEntry {
  std::string_view name;
  uint8_t states;  // bits of State
  Tell tell;
  Task<Reply> (*run)(Session&, wire::imap::Command&);
};

const CommandEntry& entry_of(const wire::imap::Command& command);
// With the UID forms, which may tell of expunged messages.
Tell tell_after(const wire::imap::Command& command);
// It has message numbers, or its answer has (RFC 9586 section 3.2).
bool uses_numbers(const wire::imap::Command& command);

// Brings the view up to date and tells the client. Throws SessionEnd when the mailbox is no more.
Task<void> sync(Session& s, Tell tell);
// Takes the rising `uids` out of the view and tells so; `from_end`: the last one first.
void tell_expunged(Session& s, std::vector<store::Uid> uids, bool from_end = false);
// "(\Seen ...)" of a FETCH response; \Recent is told to IMAP4rev1 clients alone (RFC 9051 appendix E).
void append_flags(Session& s, const store::Entry& entry);
// "* n FETCH (", or "* uid UIDFETCH (" (RFC 9586 section 3.3).
void begin_fetch(Session& s, uint32_t sequence, store::Uid uid);
// "* n RECENT", to IMAP4rev1 clients.
void tell_recent(Session& s);
// "* n FETCH (UID u FLAGS (...))".
void tell_flags(Session& s, uint32_t sequence, const store::Entry& entry);
// "* n FETCH (UID u MODSEQ (m))".
void tell_modseq(Session& s, uint32_t sequence, const store::Entry& entry);
// "* MYRIGHTS mailbox rights".
void tell_rights(Session& s, std::string_view name, store::Rights rights);
// "* STATUS mailbox (...)", of a mailbox of that account.
Task<Result<void>> tell_status(Session& s, store::AccountId account, store::MailboxInfo info,
                               std::vector<wire::imap::StatusItem> items);
bool asks_for_modseq(const std::vector<wire::imap::StatusItem>& items);
// "* n FETCH (...)" of these messages (rising), which stay as they are.
Task<Result<void>> tell_items(Session& s, std::vector<wire::imap::FetchItem> items,
                              std::vector<store::Uid> uids);
// FLAGS and PERMANENTFLAGS as they are now.
void tell_known_flags(Session& s);

// The client has shown that it knows MODSEQs (RFC 7162 section 3.1): from now on they are told.
void enable_condstore(Session& s);
// MODSEQ of a FETCH response: "MODSEQ (m)".
void append_modseq(Session& s, const store::Entry& entry);
// At the end of a command: what a client would take for HIGHESTMODSEQ from what it was told is put right
// where changes are still to be told (RFC 7162 sections 3.2 and 6).
void tell_highest(Session& s, Reply& reply);

// Wakes the view, and who waits, when something happens in the account. Again after the session's observer
// has become another one.
void watch_view(Session& s, View& view, store::AccountId account);
// Makes the view one of the mailbox as it was opened.
void fill_view(View& view, const Located& mailbox, store::MailStore::Opened opened);
// Ends state selected. Expunges nothing.
void leave_mailbox(Session& s);
// The same after noting that this session has told of what came in: it is \Recent in no other (RFC 3501
// section 2.3.2).
Task<void> retire_from_mailbox(Session& s);
// The name that the client has sent, in UTF-8; nothing if no mailbox can have that name.
std::optional<std::string> mailbox_name(const Session& s, std::string_view as_sent);
// The same of a mailbox that is there: a client with UTF-8 may name it in a form that is not normalised (RFC
// 9051 section 5.1).
Task<std::optional<std::string>> known_mailbox(Session& s, std::string as_sent);
// The name of a mailbox as the client is told it, an astring.
void append_mailbox(Session& s, std::string_view name);
// To an IMAP4rev2 client: "* LIST (...) "/" name", with OLDNAME if it called the mailbox otherwise (RFC 9051
// sections 6.3.2 and 6.3.9.7).
Task<void> tell_listed(Session& s, std::string name, std::string old_name);

store::FlagSet to_store(const wire::imap::Flags& flags);

}  // namespace posthouse::access::imap
