#include "delivery/delivery.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/log.h"
#include "delivery/limits.h"

namespace posthouse::delivery {

using directory::AccountId;
using directory::Resolution;
using directory::Standing;

namespace {

// 0 says: no limit.
std::optional<uint64_t> limit(const std::optional<uint64_t>& own, uint64_t otherwise) {
  const uint64_t number = own.value_or(otherwise);
  return number == 0 ? std::nullopt : std::optional<uint64_t>(number);
}

bool full(const std::optional<uint64_t>& limit, uint64_t used, uint64_t more) {
  return limit && (used >= *limit || more > *limit - used);
}

// RFC 5321 section 4.5.1: every reasonable effort to take what is for the postmaster, but in extreme cases,
// such as to contain an attack. So his quota is not what decides, and nobody fills a disk by writing to him.
void add_postmaster_room(store::Quota& quota) {
  const auto add = [](std::optional<uint64_t>& to, uint64_t room) {
    if (to) *to = std::min(*to, UINT64_MAX - room) + room;
  };
  add(quota.bytes, kPostmasterBytes);
  add(quota.group_bytes, kPostmasterBytes);
  add(quota.messages, kPostmasterMessages);
  add(quota.group_messages, kPostmasterMessages);
}

}  // namespace

store::Quota quota_of(const Standing& standing, const Options& options) {
  store::Quota quota;
  quota.bytes = limit(standing.quota_bytes, options.default_quota_bytes);
  quota.messages = limit(standing.quota_messages, options.default_quota_messages);
  quota.group_bytes = limit(standing.total_bytes, options.default_domain_bytes);
  quota.group_messages = limit(standing.total_messages, options.default_domain_messages);
  return quota;
}

struct Delivery::Impl {
  Impl(directory::Directory& directory_, store::MailStore& store_, Options options_)
      : directory(directory_), store(store_), options(options_) {}

  Task<Result<std::string>> mailbox_for(AccountId account, std::string detail);

  directory::Directory& directory;
  store::MailStore& store;
  Options options;
};

Delivery::Delivery(directory::Directory& directory, store::MailStore& store, Options options)
    : impl_(std::make_unique<Impl>(directory, store, options)) {}

Delivery::~Delivery() = default;

const Options& Delivery::options() const {
  return impl_->options;
}

Task<Result<void>> Delivery::check(Resolution::LocalTarget target, uint64_t size) {
  const AccountId account = target.account;
  Result<Standing> standing = co_await impl_->directory.standing(account);
  if (!standing) co_return std::unexpected(standing.error());
  if (!standing->enabled) co_return fail(FaultKind::policy, "the account is disabled");
  store::Quota quota = quota_of(*standing, impl_->options);
  if (target.as_postmaster) add_postmaster_room(quota);
  if (quota.bytes || quota.messages) {
    Result<store::Usage> usage = co_await impl_->store.usage(account);
    if (!usage) co_return std::unexpected(usage.error());
    if (full(quota.bytes, usage->bytes, size) || full(quota.messages, usage->messages, 1))
      co_return fail(FaultKind::over_quota, "the mailbox is full");
  }
  if (quota.group_bytes || quota.group_messages) {
    Result<store::Usage> usage = co_await impl_->store.group_usage(standing->domain);
    if (!usage) co_return std::unexpected(usage.error());
    if (full(quota.group_bytes, usage->bytes, size) || full(quota.group_messages, usage->messages, 1))
      co_return fail(FaultKind::over_quota, "the domain is full");
  }
  co_return Result<void>();
}

// user+Lists@ goes to the mailbox "Lists" if there is one; local parts don't tell cases apart, so neither
// does this.
Task<Result<std::string>> Delivery::Impl::mailbox_for(AccountId account, std::string detail) {
  std::string inbox = "INBOX";
  if (!options.subaddress_to_mailbox || detail.empty()) co_return inbox;
  Result<std::vector<store::MailboxInfo>> mailboxes = co_await store.mailboxes(account);
  if (!mailboxes) co_return std::unexpected(mailboxes.error());
  for (const auto& mailbox : *mailboxes) {
    if (iequals(mailbox.name, detail)) co_return mailbox.name;
  }
  co_return inbox;
}

Task<Result<Plan>> Delivery::plan(std::vector<Resolution::LocalTarget> targets, store::NewMessage message,
                                  std::vector<uint64_t> delivery_ids, bool enforce_quota) {
  Plan plan;
  plan.placed = std::make_shared<std::vector<store::Placed>>(targets.size());
  plan.steps.reserve(targets.size() + 2);  // with the caller's own
  plan.blob_references.reserve(targets.size());
  for (size_t i = 0; i < targets.size(); ++i) {
    AccountId account = targets[i].account;
    bool last_chance = i + 1 == targets.size() && plan.steps.empty();
    Result<Standing> standing = co_await impl_->directory.standing(account);
    bool gone = !standing && standing.error().kind == FaultKind::not_found;
    if (!standing && !gone) co_return std::unexpected(standing.error());
    bool takes_mail = !gone && standing->enabled;
    if (gone && last_chance) co_return std::unexpected(standing.error());
    if (!takes_mail && !last_chance) {
      log::info("delivery.target_left_out", {{"account", account}});
      continue;
    }
    Result<std::string> mailbox = co_await impl_->mailbox_for(account, targets[i].detail);
    if (!mailbox) co_return std::unexpected(mailbox.error());
    store::Quota quota;
    if (enforce_quota) quota = quota_of(*standing, impl_->options);
    if (targets[i].as_postmaster) add_postmaster_room(quota);
    plan.blob_references.push_back(store::MailStore::blob_reference(account, delivery_ids[i]));
    store::NewMessage copy = targets.size() == 1 ? std::move(message) : message;
    for (engine::Step& step : impl_->store.stage(account, std::move(*mailbox), std::move(copy),
                                                 delivery_ids[i], quota, &(*plan.placed)[i])) {
      plan.steps.push_back(std::move(step));
    }
  }
  co_return plan;
}

}  // namespace posthouse::delivery
