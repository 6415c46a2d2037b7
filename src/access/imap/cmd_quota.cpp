// GETQUOTA and GETQUOTAROOT (RFC 9208): one root, "", for all mailboxes of the account. What its domain holds
// is not told: that is of others.
#include "access/imap/commands.h"
#include "access/imap/sharing.h"

namespace posthouse::access::imap {

namespace {

constexpr uint64_t kUnit = 1024;  // octets (section 5.1)

std::string triplet(std::string_view name, uint64_t used, uint64_t limit) {
  return std::string(name) + " " + std::to_string(used) + " " + std::to_string(limit);
}

uint64_t units(uint64_t octets) {
  return octets / kUnit + (octets % kUnit != 0 ? 1 : 0);
}

// Resources without a limit are left out (section 4.2.1).
Task<Result<void>> tell_quota(Session& s) {
  const Result<store::Quota> quota = co_await s.quota(s.account);
  if (!quota) co_return std::unexpected(quota.error());
  const Result<store::Usage> used = co_await s.store().usage(s.account);
  if (!used) co_return std::unexpected(used.error());
  std::string resources;
  if (quota->bytes) resources = triplet("STORAGE", units(used->bytes), units(*quota->bytes));
  if (quota->messages) {
    if (!resources.empty()) resources += ' ';
    resources += triplet("MESSAGE", used->messages, *quota->messages);
  }
  s.untagged("QUOTA \"\" (" + resources + ")");
  co_return Result<void>();
}

}  // namespace

Task<Reply> cmd_get_quota(Session& s, wire::imap::GetQuota& c) {
  if (!c.root.empty()) co_return no("There is no such quota root", "NONEXISTENT");
  Result<void> told = co_await tell_quota(s);
  if (!told) co_return refuse(told.error());
  co_return ok("GETQUOTA done");
}

// The mailbox need not exist (section 4.1.2).
Task<Reply> cmd_get_quota_root(Session& s, wire::imap::GetQuotaRoot& c) {
  const std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return no("No mailbox can have that name", "CANNOT");
  s.out += "* QUOTAROOT ";
  append_mailbox(s, *name);
  // What others use of theirs is not told, whether there is such a mailbox or not.
  const bool of_others = co_await names_others(s, *name);
  s.out += of_others ? "\r\n" : " \"\"\r\n";
  if (of_others) co_return ok("GETQUOTAROOT done");
  Result<void> told = co_await tell_quota(s);
  if (!told) co_return refuse(told.error());
  co_return ok("GETQUOTAROOT done");
}

}  // namespace posthouse::access::imap
