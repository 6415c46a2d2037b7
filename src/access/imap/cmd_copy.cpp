// COPY and MOVE (RFC 3501 section 6.4.7, RFC 6851), with COPYUID (RFC 4315 section 3).
#include "access/imap/commands.h"
#include "access/imap/message_limit.h"
#include "access/imap/names_of_others.h"
#include "access/imap/progress.h"
#include "access/imap/sharing.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

namespace {

Reply no_target() {
  return no_such_mailbox("TRYCREATE");
}

// What COPY and MOVE have in common: which messages, and that the target exists.
struct Plan {
  std::optional<Reply> refusal;
  std::vector<store::Uid> uids;
  store::MailStore::Target target;
  bool tells_uids = false;  // the target's
  store::Quota quota;
};

Task<Plan> plan(Session& s, const wire::imap::SequenceSet& set, bool uid, const std::string& mailbox) {
  Plan out;
  co_await sync(s, Tell::all_but_gone);
  if (!uid && names_missing(set, s.view->uids.size())) {
    out.refusal = bad("No such message number");
    co_return out;
  }
  std::optional<std::string> name = co_await known_mailbox(s, mailbox);
  if (!name) {
    out.refusal = no_target();
    co_return out;
  }
  Reached reached = co_await reach(s, std::move(*name), {store::kMayInsert}, "TRYCREATE");
  if (reached.refusal) {
    out.refusal = std::move(reached.refusal);
    co_return out;
  }
  const Located& to = reached.mailbox;
  out.target = {to.account, to.local_name(), mask_of(to.rights)};
  out.tells_uids = may_know_uids(to);
  const Result<store::Quota> quota = co_await s.quota(to.account);
  if (!quota) {
    out.refusal = refuse(quota.error());
    co_return out;
  }
  out.quota = *quota;
  out.uids = uids_of(*s.view, messages_of(*s.view, set, uid));
  co_return out;
}

Reply refuse_copy(const Fault& fault) {
  // The target was there a moment ago: what is missing are messages that another session has expunged.
  if (fault.kind == FaultKind::not_found) return no("Some of the messages are gone", "EXPUNGEISSUED");
  return refuse(fault);
}

std::string copy_uid(const store::Copied& copied) {
  std::string out = "COPYUID " + std::to_string(copied.uid_validity) + " ";
  wire::imap::append_sequence_set(out, copied.from);
  out += ' ';
  wire::imap::append_sequence_set(out, copied.to);
  return out;
}

}  // namespace

Task<Reply> cmd_copy(Session& s, wire::imap::Copy& c) {
  Plan todo = co_await plan(s, c.set, c.uid, c.mailbox);
  if (todo.refusal) co_return std::move(*todo.refusal);
  if (todo.uids.empty()) co_return ok("Nothing to copy");
  // RFC 9738 section 3.1: all or none are copied
  const uint32_t most = save_limit(s);
  if (keep_last(todo.uids, most)) co_return over_limit(most, todo.uids.front());
  const size_t wanted = todo.uids.size();
  Progress progress(s, "Copied", wanted);
  store::MailStore::Breath breath = [&progress](uint64_t done) { return progress.quietly_at(done); };
  const store::AccountId account = todo.target.account;
  Result<store::Copied> copied =
      co_await s.store().copy(s.view->account, s.view->mailbox, std::move(todo.uids), std::move(todo.target),
                              todo.quota, std::move(breath));
  if (!copied) co_return refuse_copy(copied.error());
  if (copied->from.empty()) co_return no("The messages are gone", "EXPUNGEISSUED");
  note_put(s, account, copied->mailbox, copied->to);
  co_return ok(copied->from.size() == wanted ? "COPY done" : "COPY done, some messages are gone",
               todo.tells_uids ? copy_uid(*copied) : "");
}

Task<Reply> cmd_move(Session& s, wire::imap::Move& c) {
  if (s.view->examined) co_return no("The mailbox is open read-only", "CANNOT");
  // RFC 6851 section 4.2
  if (!s.view->may(store::kMayDeleteMessages | store::kMayExpunge)) co_return no_right();
  Plan todo = co_await plan(s, c.set, c.uid, c.mailbox);
  if (todo.refusal) co_return std::move(*todo.refusal);
  if (todo.uids.empty()) co_return ok("Nothing to move");
  const bool cut = keep_last(todo.uids, s.options->message_limit);
  const store::Uid lowest = todo.uids.front();
  Progress progress(s, "Moved", todo.uids.size());
  store::MailStore::Breath breath = [&progress](uint64_t done) { return progress.quietly_at(done); };
  const store::AccountId account = todo.target.account;
  Result<store::Copied> moved =
      co_await s.store().move(s.view->account, s.view->mailbox, std::move(todo.uids), std::move(todo.target),
                              todo.quota, std::move(breath));
  if (!moved) co_return refuse_copy(moved.error());
  if (moved->from.empty()) {
    Reply gone = no("The messages are gone", "EXPUNGEISSUED");
    co_return cut ? limited(s, std::move(gone), lowest) : std::move(gone);
  }
  note_put(s, account, moved->mailbox, moved->to);
  // RFC 6851 section 4.3: COPYUID comes untagged, before the EXPUNGE responses
  if (todo.tells_uids) s.untagged("OK [" + copy_uid(*moved) + "] Moved");
  tell_expunged(s, moved->from, cut);
  if (cut) co_return limited(s, ok("MOVE done"), lowest);
  co_return ok("MOVE done");
}

}  // namespace posthouse::access::imap
