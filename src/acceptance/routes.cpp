#include "acceptance/routes.h"

#include "acceptance/limits.h"
#include "base/ascii.h"

namespace posthouse::acceptance {

using directory::Resolution;

namespace {
constexpr size_t kFew = 8;  // up to here looking through a vector is quicker than a set

std::string routing_key(const std::string& address) {
  size_t at = address.rfind('@');
  std::string domain = at == std::string::npos ? std::string() : address.substr(at + 1);
  return message::domain_to_ascii(domain).value_or(to_lower(domain));
}
}  // namespace

bool Routes::knows(directory::AccountId account) {
  if (local_.size() < kFew) {
    return std::any_of(local_.begin(), local_.end(),
                       [account](const auto& t) { return t.account == account; });
  }
  if (accounts_.empty()) {
    for (const auto& target : local_) accounts_.insert(target.account);
  }
  return !accounts_.insert(account).second;
}

// Who is named twice, and once as postmaster, gets his one copy as postmaster.
void Routes::add_local(Resolution::LocalTarget target) {
  if (!knows(target.account)) {
    local_.push_back(std::move(target));
  } else if (target.as_postmaster) {
    const auto same = [&](const auto& t) { return t.account == target.account; };
    const auto known = std::find_if(local_.begin(), local_.end(), same);
    if (known != local_.end()) known->as_postmaster = true;
  }
}

void Routes::add_remote(std::string address, const std::string& original) {
  std::string key = message::address_key(address).value_or(address);
  if (!keys_.insert(std::move(key)).second) return;
  queue::Recipient recipient;
  recipient.domain = routing_key(address);
  recipient.address = std::move(address);
  recipient.original = original;
  remote_.push_back(std::move(recipient));
}

Task<Result<void>> Routes::add(directory::Directory& directory, const message::Address& recipient,
                               bool local_only) {
  std::string address = recipient.to_string();
  Result<Resolution> found = co_await directory.resolve(address);
  if (!found) co_return std::unexpected(found.error());
  if (local_.size() + remote_.size() + found->local.size() + found->remote_targets.size() > kMaxCopies) {
    co_return fail(FaultKind::temporary, "too many recipients");
  }
  switch (found->kind) {
    case Resolution::remote:
      if (local_only) {
        ++lost_;
      } else {
        add_remote(std::move(address), "");
      }
      break;
    case Resolution::unknown:
      ++lost_;
      break;
    case Resolution::known:
      for (auto& target : found->local) add_local(std::move(target));
      for (auto& target : found->remote_targets) add_remote(std::move(target), address);
      break;
  }
  co_return Result<void>();
}

}  // namespace posthouse::acceptance
