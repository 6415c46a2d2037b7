// GETMETADATA and SETMETADATA (RFC 5464; /private/specialuse: RFC 6154 section 4).
#include <algorithm>

#include "access/imap/annotations.h"
#include "access/imap/commands.h"
#include "access/imap/filters.h"
#include "access/imap/observer.h"
#include "access/imap/special_use.h"
#include "base/ascii.h"
#include "store/limits.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

// What a SETMETADATA comes to.
struct Wanted {
  std::vector<store::AnnotationChange> changes;
  std::optional<store::Role> role;
};

std::optional<store::Role> wanted_use(const std::optional<std::string>& value) {
  std::vector<std::string> uses;
  for (const std::string_view use : split(value.value_or(""), ' ')) {
    if (!use.empty()) uses.emplace_back(use);
  }
  return role_of(uses);
}

// Why an entry can't be set, or nothing. Where it is none for the store it is in `wanted.role`.
std::optional<Reply> take(const Session& s, const Located* mailbox, const std::string& name,
                          std::optional<std::string> value, Wanted& wanted) {
  // Section 4.3: what is private in a mailbox of another account is its owner's.
  if (mailbox != nullptr && mailbox->account != s.account && !name.starts_with("/shared/"))
    return no("This mailbox takes no private entries", "METADATA NOPRIVATE");
  if (value && value->size() > store::kMaxAnnotation)
    return no("Value too long", "METADATA MAXSIZE " + std::to_string(store::kMaxAnnotation));
  // Section 3.3: what all users of the server see is not for one of them to write.
  if (mailbox == nullptr && name.starts_with("/shared/")) return no("This entry is read-only", "NOPERM");
  if (mailbox != nullptr && name == kSpecialUseEntry) {
    wanted.role = wanted_use(value);
    const bool is_inbox = mailbox->info.role == store::Role::inbox;
    if (!wanted.role || (is_inbox && *wanted.role != store::Role::none))
      return no("This mailbox can't have this use", "USEATTR");
    if (is_inbox) wanted.role.reset();
    return std::nullopt;
  }
  const bool of_filter = mailbox == nullptr && name.starts_with(kFilterValues);
  if (of_filter && value && !is_filter(*value))
    return bad("A filter is search criteria (RFC 5466 section 3.2)");
  // Of several values for one entry the last holds.
  std::erase_if(wanted.changes, [&](const auto& earlier) { return earlier.name == name; });
  wanted.changes.push_back({name, std::move(value)});
  return std::nullopt;
}

// RFC 6154 section 5.4: the mailbox that had the use before has it no longer.
Task<void> tell_lost_use(Session& s, store::MailboxId loser) {
  const Result<store::MailboxInfo> info = co_await s.store().mailbox(s.account, loser);
  if (!info) co_return;
  s.out += "* METADATA ";
  append_mailbox(s, info->name);
  s.out += " (" + std::string(kSpecialUseEntry) + " NIL)\r\n";
}

// A mailbox, or the server ("", which is no refusal and nothing).
struct Found {
  std::optional<Reply> refusal;
  std::optional<Located> mailbox;
  const Located* get() const { return mailbox ? &*mailbox : nullptr; }
};
Task<Found> find(Session& s, std::string as_sent, Need need) {
  Found out;
  if (as_sent.empty()) co_return out;
  std::optional<std::string> name = co_await known_mailbox(s, std::move(as_sent));
  if (!name) {
    out.refusal = no_such_mailbox("NONEXISTENT");
    co_return out;
  }
  Reached reached = co_await reach(s, std::move(*name), need);
  out.refusal = std::move(reached.refusal);
  out.mailbox = std::move(reached.mailbox);
  co_return out;
}

}  // namespace

Task<Reply> cmd_get_metadata(Session& s, wire::imap::GetMetadata& c) {
  Found found = co_await find(s, c.mailbox, kReadsAnnotations);
  if (found.refusal) co_return std::move(*found.refusal);
  uint64_t longest = 0;
  Result<void> told = co_await tell_annotations(s, found.get(), c, longest);
  if (!told) co_return refuse(told.error());
  co_return ok("GETMETADATA done", longest > 0 ? "METADATA LONGENTRIES " + std::to_string(longest) : "");
}

Task<Reply> cmd_set_metadata(Session& s, wire::imap::SetMetadata& c) {
  Found found = co_await find(s, std::move(c.mailbox), kWritesAnnotations);
  if (found.refusal) co_return std::move(*found.refusal);
  const Located* mailbox = found.get();
  Wanted wanted;
  for (auto& [name, value] : c.values) {
    std::optional<Reply> refusal = take(s, mailbox, name, std::move(value), wanted);
    if (refusal) co_return std::move(*refusal);
  }
  const store::AccountId account = mailbox == nullptr ? s.account : mailbox->account;
  const store::MailboxId id = mailbox == nullptr ? 0 : mailbox->info.id;
  const Result<store::MailStore::Annotated> done =
      co_await s.store().annotate(account, id, wanted.changes, wanted.role);
  if (!done && done.error().kind == FaultKind::over_quota)
    co_return no("There are too many annotations", "METADATA TOOMANY");
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->annotated(account, id, wanted.changes, wanted.role, *done);
  if (done->loser) co_await tell_lost_use(s, *done->loser);
  co_return ok("SETMETADATA done");
}

}  // namespace posthouse::access::imap
