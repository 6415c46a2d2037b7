// GETQUOTA and GETQUOTAROOT (RFC 9208): where the account has a limit its mailboxes have the root "", and
// where its domain has one a root that is called like the domain. A root without limits is none: a QUOTA
// response names at least one resource (section 7), and that has a limit.
#include "access/imap/commands.h"
#include "access/imap/sharing.h"
#include "wire/imap/encode.h"

namespace posthouse::access::imap {

namespace {

constexpr uint64_t kUnit = 1024;  // octets (section 5.1)

std::string triplet(std::string_view name, uint64_t used, uint64_t limit) {
  return std::string(name) + " " + std::to_string(used) + " " + std::to_string(limit);
}

uint64_t units(uint64_t octets) {
  return octets / kUnit + (octets % kUnit != 0 ? 1 : 0);
}

struct Limits {
  std::optional<uint64_t> octets, messages;
};

// Resources without a limit are left out (section 4.2.1).
void tell_root(Session& s, std::string_view name, const store::Usage& used, const Limits& limits) {
  std::string resources;
  if (limits.octets) resources = triplet("STORAGE", units(used.bytes), units(*limits.octets));
  if (limits.messages) {
    if (!resources.empty()) resources += ' ';
    resources += triplet("MESSAGE", used.messages, *limits.messages);
  }
  s.out += "* QUOTA ";
  wire::imap::append_astring(s.out, name);
  s.out += " (" + resources + ")\r\n";
}

std::string domain_of(const Session& s) {
  return s.address.substr(s.address.rfind('@') + 1);
}

bool has_account_root(const store::Quota& quota) {
  return quota.bytes || quota.messages;
}

// What others of the domain hold can be told from it, so it may be hidden (section 8).
bool has_domain_root(const Session& s, const store::Quota& quota) {
  return s.options->tell_domain_quota && (quota.group_bytes || quota.group_messages);
}

Task<Result<void>> tell_account(Session& s, const store::Quota& quota) {
  const Result<store::Usage> used = co_await s.store().usage(s.account);
  if (!used) co_return std::unexpected(used.error());
  tell_root(s, "", *used, {quota.bytes, quota.messages});
  co_return Result<void>();
}

Task<Result<void>> tell_domain(Session& s, const store::Quota& quota) {
  std::string domain = domain_of(s);
  const Result<store::Usage> used = co_await s.store().group_usage(domain);
  if (!used) co_return std::unexpected(used.error());
  tell_root(s, domain, *used, {quota.group_bytes, quota.group_messages});
  co_return Result<void>();
}

}  // namespace

Task<Reply> cmd_get_quota(Session& s, wire::imap::GetQuota& c) {
  const Result<store::Quota> quota = co_await s.quota(s.account);
  if (!quota) co_return refuse(quota.error());
  const bool of_domain = c.root == domain_of(s) && has_domain_root(s, *quota);
  const bool of_account = c.root.empty() && has_account_root(*quota);
  if (!of_account && !of_domain) co_return no("There is no such quota root", "NONEXISTENT");
  auto telling = of_domain ? tell_domain(s, *quota) : tell_account(s, *quota);
  const Result<void> told = co_await telling;
  if (!told) co_return refuse(told.error());
  co_return ok("GETQUOTA done");
}

// The mailbox need not exist (section 4.1.2).
Task<Reply> cmd_get_quota_root(Session& s, wire::imap::GetQuotaRoot& c) {
  const std::optional<std::string> name = co_await known_mailbox(s, c.mailbox);
  if (!name) co_return no("No mailbox can have that name", "CANNOT");
  const Result<store::Quota> quota = co_await s.quota(s.account);
  if (!quota) co_return refuse(quota.error());
  s.out += "* QUOTAROOT ";
  append_mailbox(s, *name);
  // What others use of theirs is not told, whether there is such a mailbox or not.
  const bool of_others = co_await names_others(s, *name);
  const bool of_account = !of_others && has_account_root(*quota);
  const bool of_domain = !of_others && has_domain_root(s, *quota);
  if (of_account) s.out += " \"\"";
  if (of_domain) {
    s.out += ' ';
    wire::imap::append_astring(s.out, domain_of(s));
  }
  s.out += "\r\n";
  Result<void> told;
  if (of_account) told = co_await tell_account(s, *quota);
  if (told && of_domain) told = co_await tell_domain(s, *quota);
  if (!told) co_return refuse(told.error());
  co_return ok("GETQUOTAROOT done");
}

}  // namespace posthouse::access::imap
