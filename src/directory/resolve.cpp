// Whose is this address: aliases, subaddress, catch-all, postmaster.
#include <set>

#include "base/ascii.h"
#include "base/log.h"
#include "directory/impl.h"
#include "directory/subaddress.h"
#include "engine/record.h"
#include "message/address.h"

namespace posthouse::directory {

namespace {

constexpr std::string_view kPostmaster = "postmaster";

// One address still to be looked at.
struct Step {
  std::string address;  // as written: what goes to the outside keeps its spelling
  std::string detail;   // subaddress of the address that led here
  size_t depth = 0;
};

// Follows addresses until nothing is left to follow.
class Walk {
 public:
  void start(std::string address) { todo_.push_back(Step{std::move(address), "", 0}); }
  bool finished() const { return todo_.empty(); }

  Step next() {
    Step step = std::move(todo_.front());
    todo_.pop_front();
    return step;
  }

  bool first_visit(const std::string& key) { return seen_.insert(key).second; }

  static bool is_deep(const Step& from) { return from.depth >= kMaxAliasDepth; }

  // False when that would be too deep or too many.
  bool follow(const std::vector<std::string>& targets, const Step& from, const std::string& detail) {
    if (is_deep(from) || todo_.size() + seen_.size() + targets.size() > 2 * kMaxTargets) return false;
    for (const auto& target : targets) todo_.push_back(Step{target, detail, from.depth + 1});
    return true;
  }

  void reach(AccountId account, const std::string& detail) {
    if (accounts_.insert(account).second) found_.local.push_back({account, detail});
  }

  void leave(std::string address) { found_.remote_targets.push_back(std::move(address)); }

  bool full() const { return found_.local.size() + found_.remote_targets.size() > kMaxTargets; }

  bool led_nowhere() const { return found_.local.empty() && found_.remote_targets.empty(); }

  Resolution result() && {
    found_.kind = led_nowhere() ? Resolution::unknown : Resolution::known;
    return std::move(found_);
  }

 private:
  std::deque<Step> todo_;
  std::set<std::string> seen_;
  std::set<AccountId> accounts_;
  Resolution found_;
};

// Dropping some of the targets would lose their letters, so the whole answer fails.
std::unexpected<Fault> too_large(const std::string& address, bool deep) {
  if (deep) {
    return fail(FaultKind::permanent, fmt::format("{} leads through more than {} aliases one after another",
                                                  address, kMaxAliasDepth));
  }
  return fail(FaultKind::permanent, fmt::format("{} leads to more than {} targets", address, kMaxTargets));
}

// The account with the lowest id that `fits`, through the rows of the accounts.
Result<AccountId> first_account(const engine::Reader& reader,
                                const std::function<bool(const Account&)>& fits) {
  AccountId id = 0;
  Result<void> done = reader.scan(kPartition, "a", after("a"), [&](std::string_view, std::string_view value) {
    Result<Account> account = decode_account(value);
    if (account && fits(*account)) id = account->id;
    return id == 0;
  });
  if (!done) return std::unexpected(done.error());
  return id;
}

Result<std::vector<Account>> admins(const engine::Reader& reader) {
  std::vector<AccountId> ids;
  Result<void> done = reader.scan(kPartition, "m", after("m"), [&](std::string_view key, std::string_view) {
    if (key.size() == 9) ids.push_back(engine::read_key_u64(key.substr(1)));
    return ids.size() < kMaxTargets;
  });
  if (!done) return std::unexpected(done.error());
  std::vector<Account> found;
  for (AccountId id : ids) {
    Result<std::optional<std::string>> row = reader.get(kPartition, account_row(id));
    if (!row) return std::unexpected(row.error());
    if (!row->has_value()) continue;
    Result<Account> account = decode_account(**row);
    if (account && account->enabled) found.push_back(std::move(*account));
  }
  return found;
}

}  // namespace

bool split_subaddress(std::string_view address, std::string& base, std::string& detail) {
  std::string_view local = local_part(address);
  size_t plus = local.find('+');
  if (local.starts_with('"') || plus == std::string_view::npos || plus == 0) return false;
  base = fmt::format("{}@{}", local.substr(0, plus), domain_part(address));
  detail = local.substr(plus + 1);
  return true;
}

Task<Result<AccountId>> Directory::Impl::postmaster_of(std::string domain) {
  AccountId id = 0;
  auto look = [&](const engine::Reader& reader) -> Result<void> {
    auto lives_here = [&](const Account& account) { return domain_part(account.address) == domain; };
    Result<std::vector<Account>> candidates = admins(reader);
    if (!candidates) return std::unexpected(candidates.error());
    auto own = std::find_if(candidates->begin(), candidates->end(), lives_here);
    if (own == candidates->end()) own = candidates->begin();
    if (own != candidates->end()) {
      id = own->id;
      return {};
    }
    // No admin at all: RFC 5321 section 4.5.1 still wants somebody to read it.
    const std::function<bool(const Account&)> better_and_worse[] = {
        [&](const Account& account) { return account.enabled && lives_here(account); },
        [](const Account& account) { return account.enabled; }, lives_here,
        [](const Account&) { return true; }};
    for (const auto& fits : better_and_worse) {
      Result<AccountId> fallback = first_account(reader, fits);
      if (!fallback) return std::unexpected(fallback.error());
      id = *fallback;
      if (id != 0) break;
    }
    return {};
  };
  Result<void> done = co_await engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  co_return id;
}

Task<Result<Resolution>> Directory::Impl::expand(std::string address, bool fallbacks) {
  Walk walk;
  walk.start(address);
  std::string postmaster_domain;  // of an alias "postmaster" on the way
  while (!walk.finished()) {
    Step step = walk.next();
    Result<std::string> key = message::address_key(step.address);
    if (!key || !walk.first_visit(*key)) continue;
    std::string domain_name(domain_part(*key));
    Result<std::optional<Domain>> domain = co_await fetch(domain_row(domain_name), decode_domain);
    if (!domain) co_return std::unexpected(domain.error());
    if (!domain->has_value()) {
      if (step.depth == 0) {
        Resolution remote;
        remote.kind = Resolution::remote;
        co_return remote;
      }
      walk.leave(std::move(step.address));
      continue;
    }

    std::string base = *key, detail;
    Result<std::optional<NameRecord>> name = co_await fetch(name_row(base), decode_name);
    if (name && !name->has_value() && split_subaddress(*key, base, detail)) {
      name = co_await fetch(name_row(base), decode_name);
    }
    if (!name) co_return std::unexpected(name.error());
    if (detail.empty()) detail = step.detail;

    if (name->has_value() && (*name)->account != 0) {
      walk.reach((*name)->account, detail);
    } else if (name->has_value()) {
      if (!walk.follow((*name)->targets, step, detail)) co_return too_large(address, Walk::is_deep(step));
      if (local_part(base) == kPostmaster) postmaster_domain = domain_name;
    } else if (fallbacks && local_part(base) == kPostmaster) {
      Result<AccountId> id = co_await postmaster_of(domain_name);
      if (!id) co_return std::unexpected(id.error());
      if (*id != 0) walk.reach(*id, "");
    } else if (fallbacks && !(*domain)->catch_all.empty()) {
      std::vector<std::string> targets{(*domain)->catch_all};
      if (!walk.follow(targets, step, "")) co_return too_large(address, Walk::is_deep(step));
    } else {
      if (step.depth != 0) log::info("directory.alias_to_nobody", {{"address", *key}});
    }
  }
  if (walk.full()) co_return too_large(address, false);
  if (fallbacks && walk.led_nowhere() && !postmaster_domain.empty()) {
    log::warn("directory.postmaster_alias_to_nobody", {{"domain", postmaster_domain}});
    Result<AccountId> id = co_await postmaster_of(postmaster_domain);
    if (!id) co_return std::unexpected(id.error());
    if (*id != 0) walk.reach(*id, "");
  }
  co_return std::move(walk).result();
}

Task<Result<Resolution>> Directory::resolve(std::string address) {
  if (std::optional<Resolution> remembered = impl_->resolutions.find(address))
    co_return std::move(*remembered);
  if (std::optional<std::string> why = impl_->refusals.find(address))
    co_return fail(FaultKind::permanent, std::move(*why));
  uint64_t generation = impl_->resolutions.generation();
  uint64_t generation_of_refusals = impl_->refusals.generation();
  std::string full = address;
  if (iequals(address, kPostmaster)) {
    Result<std::string> domain = co_await impl_->default_domain();
    if (!domain) co_return std::unexpected(domain.error());
    full = fmt::format("{}@{}", kPostmaster, *domain);
  }
  Result<std::string> key = message::address_key(full);
  if (!key) co_return Resolution{};  // unknown
  Result<Resolution> found = co_await impl_->expand(std::move(full), true);
  if (found && local_part(*key) == kPostmaster) {
    for (Resolution::LocalTarget& target : found->local) target.as_postmaster = true;
  }
  if (found) {
    impl_->resolutions.add(address, *found, generation);
  } else if (found.error().kind == FaultKind::permanent) {
    // Once, until something changes: the operator is to mend it, not to drown in it.
    log::warn("directory.alias_too_large", {{"address", address}, {"why", found.error().what}});
    impl_->refusals.add(address, found.error().what, generation_of_refusals);
  }
  co_return found;
}

Task<Result<bool>> Directory::may_send_as(AccountId id, std::string address) {
  Result<std::string> key = message::address_key(address);
  if (!key) co_return false;
  std::string question = fmt::format("{} {}", id, *key);
  if (std::optional<bool> remembered = impl_->senders.find(question)) co_return *remembered;
  uint64_t generation = impl_->senders.generation();
  Result<Resolution> found = co_await impl_->expand(std::move(*key), false);
  if (!found && found.error().kind == FaultKind::permanent) co_return false;  // letters to it are refused too
  if (!found) co_return std::unexpected(found.error());
  auto is_ours = [id](const Resolution::LocalTarget& target) { return target.account == id; };
  bool may = std::any_of(found->local.begin(), found->local.end(), is_ours);
  impl_->senders.add(question, may, generation);
  co_return may;
}

}  // namespace posthouse::directory
