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
std::optional<Reply> take(const store::MailboxInfo* mailbox, const std::string& name,
                          std::optional<std::string> value, Wanted& wanted) {
  if (value && value->size() > store::kMaxAnnotation)
    return no("Value too long", "METADATA MAXSIZE " + std::to_string(store::kMaxAnnotation));
  // Section 3.3: what all users of the server see is not for one of them to write.
  if (mailbox == nullptr && name.starts_with("/shared/")) return no("This entry is read-only", "NOPERM");
  if (mailbox != nullptr && name == kSpecialUseEntry) {
    wanted.role = wanted_use(value);
    const bool is_inbox = mailbox->role == store::Role::inbox;
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

// A mailbox, or the server ("", which is no fault and nothing).
Task<Result<std::optional<store::MailboxInfo>>> find(Session& s, std::string as_sent) {
  if (as_sent.empty()) co_return std::optional<store::MailboxInfo>();
  std::optional<std::string> name = co_await known_mailbox(s, std::move(as_sent));
  if (!name) co_return fail(FaultKind::not_found, "no such mailbox");
  Result<store::MailboxInfo> info = co_await s.store().mailbox(s.account, std::move(*name));
  if (!info) co_return std::unexpected(info.error());
  co_return std::optional(std::move(*info));
}

}  // namespace

Task<Reply> cmd_get_metadata(Session& s, wire::imap::GetMetadata& c) {
  const Result<std::optional<store::MailboxInfo>> mailbox = co_await find(s, c.mailbox);
  if (!mailbox) co_return refuse(mailbox.error());
  uint64_t longest = 0;
  Result<void> told = co_await tell_annotations(s, *mailbox ? &**mailbox : nullptr, c, longest);
  if (!told) co_return refuse(told.error());
  co_return ok("GETMETADATA done", longest > 0 ? "METADATA LONGENTRIES " + std::to_string(longest) : "");
}

Task<Reply> cmd_set_metadata(Session& s, wire::imap::SetMetadata& c) {
  const Result<std::optional<store::MailboxInfo>> mailbox = co_await find(s, std::move(c.mailbox));
  if (!mailbox) co_return refuse(mailbox.error());
  const store::MailboxInfo* info = *mailbox ? &**mailbox : nullptr;
  Wanted wanted;
  for (auto& [name, value] : c.values) {
    std::optional<Reply> refusal = take(info, name, std::move(value), wanted);
    if (refusal) co_return std::move(*refusal);
  }
  const store::MailboxId id = info == nullptr ? 0 : info->id;
  const Result<store::MailStore::Annotated> done =
      co_await s.store().annotate(s.account, id, wanted.changes, wanted.role);
  if (!done && done.error().kind == FaultKind::over_quota)
    co_return no("There are too many annotations", "METADATA TOOMANY");
  if (!done) co_return refuse(done.error());
  if (s.observer) s.observer->annotated(id, wanted.changes, wanted.role, *done);
  if (done->loser) co_await tell_lost_use(s, *done->loser);
  co_return ok("SETMETADATA done");
}

}  // namespace posthouse::access::imap
