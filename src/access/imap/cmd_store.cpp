// STORE and UID STORE (RFC 3501 section 6.4.6; UNCHANGEDSINCE: RFC 7162 section 3.1.3).
#include <algorithm>

#include "access/imap/commands.h"
#include "access/imap/limits.h"
#include "access/imap/message_limit.h"
#include "access/imap/progress.h"
#include "access/imap/sharing.h"
#include "base/ascii.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

store::FlagSet to_store(const wire::imap::Flags& flags) {
  static_assert(uint8_t{wire::imap::kSeen} == uint8_t{store::kSeen} &&
                uint8_t{wire::imap::kAnswered} == uint8_t{store::kAnswered} &&
                uint8_t{wire::imap::kFlagged} == uint8_t{store::kFlagged} &&
                uint8_t{wire::imap::kDeleted} == uint8_t{store::kDeleted} &&
                uint8_t{wire::imap::kDraft} == uint8_t{store::kDraft});
  store::FlagSet out;
  out.system = flags.system;
  out.keywords = flags.keywords;
  std::sort(out.keywords.begin(), out.keywords.end(), ILess());
  return out;
}

namespace {

store::FlagUpdate update_of(const wire::imap::Store& c) {
  store::FlagUpdate update;
  switch (c.mode) {
    case wire::imap::StoreMode::replace:
      update.change = store::FlagChange::set;
      break;
    case wire::imap::StoreMode::add:
      update.change = store::FlagChange::add;
      break;
    case wire::imap::StoreMode::remove:
      update.change = store::FlagChange::remove;
      break;
  }
  update.flags = to_store(c.flags);
  update.unchanged_since = c.unchanged_since;
  return update;
}

// RFC 4314 section 4: flags without a right are passed over, but not all of them.
bool changes_nothing(const wire::imap::Store& c, const store::FlagMask& mask) {
  const bool any = mask.system != 0 || mask.keywords;
  if (!any || c.mode == wire::imap::StoreMode::replace) return !any;
  const bool none = c.flags.system == 0 && c.flags.keywords.empty();
  const bool some = (c.flags.system & mask.system) != 0 || (mask.keywords && !c.flags.keywords.empty());
  return !none && !some;
}

// Tells the new flags, or (silent) only notes that the client knows them; and their MODSEQs, if it wants
// these.
Task<void> tell_updated(Session& s, std::vector<store::Entry> entries, bool silent, bool from_end) {
  if (from_end) std::reverse(entries.begin(), entries.end());
  bool learned = false;
  for (const store::Entry& entry : entries) learned |= s.view->learn_keywords(entry.flags.keywords);
  if (learned) tell_known_flags(s);
  for (const store::Entry& entry : entries) {
    s.view->told(entry);
    if (silent && !s.condstore) continue;
    const uint32_t sequence = s.view->uids.sequence(entry.uid);
    if (sequence == 0) continue;
    if (silent) {
      tell_modseq(s, sequence, entry);
    } else {
      tell_flags(s, sequence, entry);
    }
    if (s.wants_flush()) co_await s.flush();
  }
}

// If nobody else changed anything, the session now knows the mailbox up to its own change without a look at
// it.
void note_known(Session& s, const store::MailStore::Updated& updated) {
  if (updated.after == 0 || updated.before != s.view->known) return;
  s.view->known = updated.after;
  s.view->own.clear();
}

// One STORE command at work.
struct Job {
  store::FlagUpdate update;  // with `unchanged_since` as the client wants it
  bool silent = false;
  bool from_end = false;             // the last messages come first
  std::vector<store::Uid> modified;  // those that were changed since
  size_t stored = 0;
};

Task<Result<void>> store_part(Session& s, std::vector<store::Uid> uids, Job& job) {
  // .SILENT: the client works out the new flags itself, which goes wrong for messages that another session
  // has changed meanwhile. Those are found by their MODSEQ and told nevertheless (RFC 3501 section 6.4.6).
  store::FlagUpdate update = job.update;
  const std::optional<store::ModSeq> wanted = update.unchanged_since;
  // Of a silent one the client is told nothing, unless it has to learn a keyword or the MODSEQs.
  update.tell = !job.silent || s.condstore || !update.flags.keywords.empty();
  const bool careful = job.silent && (!wanted || *wanted > s.view->known);
  if (careful) update.unchanged_since = s.view->known;
  Result<store::MailStore::Updated> updated =
      co_await s.store().update_flags(s.view->account, s.view->mailbox, std::move(uids), update);
  if (!updated) co_return std::unexpected(updated.error());
  note_known(s, *updated);
  job.stored += updated->updated.size();
  if (!update.tell) {
    for (const auto& [uid, modseq] : updated->updated) s.view->told(uid, modseq);
  }
  co_await tell_updated(s, std::move(updated->entries), job.silent, job.from_end);
  std::vector<store::Uid> refused = std::move(updated->refused);
  if (careful && !refused.empty()) {
    update.unchanged_since = wanted;
    update.tell = true;
    Result<store::MailStore::Updated> second =
        co_await s.store().update_flags(s.view->account, s.view->mailbox, std::move(refused), update);
    if (!second) co_return std::unexpected(second.error());
    job.stored += second->updated.size();
    co_await tell_updated(s, std::move(second->entries), false, job.from_end);
    refused = std::move(second->refused);
  }
  job.modified.insert(job.modified.end(), refused.begin(), refused.end());
  co_return Result<void>();
}

// The client need not ask for what was changed since (RFC 7162 section 3.1.3).
Task<Result<void>> tell_modified(Session& s, const std::vector<store::Uid>& uids) {
  for (size_t at = 0; at < uids.size(); at += kEntriesPlain) {
    const auto from = uids.begin() + static_cast<ptrdiff_t>(at);
    const auto to = uids.begin() + static_cast<ptrdiff_t>(std::min(uids.size(), at + kEntriesPlain));
    std::vector<store::Uid> some(from, to);
    Result<std::vector<store::Entry>> entries =
        co_await s.store().entries(s.view->account, s.view->mailbox, std::move(some), false);
    if (!entries) co_return std::unexpected(entries.error());
    co_await tell_updated(s, std::move(*entries), false, false);
  }
  co_return Result<void>();
}

// MODIFIED names messages as the command did.
std::string modified_code(const View& view, const std::vector<store::Uid>& uids, bool uid) {
  std::vector<uint32_t> numbers;
  for (const store::Uid one : uids) numbers.push_back(uid ? one : view.uids.sequence(one));
  std::string code = "MODIFIED ";
  wire::imap::append_sequence_set(code, numbers);
  return code;
}

// RFC 2180 section 4.2: numbers are valid until the expunges are told, the messages are gone. A silent STORE
// that found some has done what could be done.
bool tells_of_gone(const wire::imap::Store& c, const Job& job, size_t asked) {
  if (c.uid || job.stored + job.modified.size() == asked) return false;
  return !c.silent || job.stored == 0;
}

}  // namespace

Task<Reply> cmd_store(Session& s, wire::imap::Store& c) {
  if (s.view->examined) co_return no("The mailbox is open read-only", "CANNOT");
  const store::FlagMask mask = s.view->read_only ? store::FlagMask{0, false} : mask_of(s.view->rights);
  if (changes_nothing(c, mask)) co_return no_right();
  if (c.unchanged_since) enable_condstore(s);
  // Not before a silent STORE: flags told now, without its change, could be taken for its result.
  if (!c.silent) co_await sync(s, Tell::all_but_gone);
  if (!c.uid && names_missing(c.set, s.view->uids.size())) co_return bad("No such message number");
  const std::vector<wire::imap::NumberRange> messages = messages_of(*s.view, c.set, c.uid);
  std::vector<store::Uid> uids = uids_of(*s.view, messages);
  const bool cut = keep_last(uids, s.options->message_limit);
  Job job{update_of(c), c.silent, cut, {}};
  job.update.flags = masked(std::move(job.update.flags), mask);
  job.update.may = mask;
  Progress progress(s, "Changed", uids.size());
  for (size_t at = 0; at < uids.size(); at += kStoreTogether) {
    co_await progress.at(at);
    const size_t end = std::min(uids.size(), at + kStoreTogether);
    const auto from = uids.begin() + static_cast<ptrdiff_t>(cut ? uids.size() - end : at);
    const auto to = uids.begin() + static_cast<ptrdiff_t>(cut ? uids.size() - at : end);
    std::vector<store::Uid> part(from, to);
    Result<void> done = co_await store_part(s, std::move(part), job);
    if (!done) co_return refuse(done.error());
  }
  const bool gone = tells_of_gone(c, job, uids.size());
  Reply reply = gone ? no("Some of the messages are gone", "EXPUNGEISSUED") : ok("STORE done");
  if (!job.modified.empty()) {
    std::sort(job.modified.begin(), job.modified.end());
    Result<void> told = co_await tell_modified(s, job.modified);
    if (!told) co_return refuse(told.error());
    std::string code = modified_code(*s.view, job.modified, c.uid);
    reply = gone ? no("Some of the messages are gone, others were changed", std::move(code))
                 : ok("STORE done but for some", std::move(code));
  }
  if (cut) co_return limited(s, std::move(reply), uids.front());
  co_return reply;
}

}  // namespace posthouse::access::imap
