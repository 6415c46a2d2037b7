#include "directory/directory.h"

#include "base/log.h"
#include "directory/impl.h"
#include "message/address.h"

namespace posthouse::directory {

std::string_view domain_part(std::string_view address) {
  size_t at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}

std::string_view local_part(std::string_view address) {
  return address.substr(0, address.rfind('@'));
}

Directory::Impl::Impl(engine::Engine& engine_, const Clock& clock_, Random& random_, Pool& pool_,
                      Options options_)
    : engine(engine_),
      clock(clock_),
      random(random_),
      pool(pool_),
      options(std::move(options_)),
      throttle(clock_),
      verified(clock_, random_),
      logins_good("posthouse_logins_total", "Login attempts", {{"result", "good"}}),
      logins_bad("posthouse_logins_total", "Login attempts", {{"result", "bad"}}),
      logins_throttled("posthouse_logins_total", "Login attempts", {{"result", "throttled"}}),
      verifications("posthouse_password_verifications_total", "Password hashes computed for logins") {
  if (Result<std::string> name = message::domain_to_ascii(options.default_domain))
    options.default_domain = *name;
  watch = engine.watch(kPartition, [this] { forget(); });
}

void Directory::Impl::forget() {
  resolutions.clear();
  refusals.clear();
  standings.clear();
  accounts.clear();
  login_candidates.clear();
  senders.clear();
  defaults.clear();
}

Task<Result<void>> Directory::Impl::change(std::function<Result<void>(engine::Transaction&)> apply) {
  std::vector<engine::Step> steps;
  steps.push_back(engine::Step{kPartition, std::move(apply)});
  Result<void> done = co_await engine.transact(std::move(steps));
  // The watch tells too, but perhaps only after this caller went on.
  forget();
  co_return done;
}

namespace {
// The name of the only domain; "" when there is none or several.
Result<std::string> only_domain(const engine::Reader& reader) {
  std::vector<std::string> names;
  Result<void> done =
      reader.scan(kPartition, "d", after("d"), [&names](std::string_view key, std::string_view) {
        names.emplace_back(key.substr(1));
        return names.size() < 2;
      });
  if (!done) return std::unexpected(done.error());
  return names.size() == 1 ? names.front() : std::string();
}
}  // namespace

Task<Result<std::string>> Directory::Impl::default_domain() {
  if (!options.default_domain.empty()) co_return options.default_domain;
  if (std::optional<std::string> remembered = defaults.find(0)) co_return std::move(*remembered);
  uint64_t generation = defaults.generation();
  std::string only;
  auto look = [&only](const engine::Reader& reader) -> Result<void> {
    Result<std::string> found = only_domain(reader);
    if (!found) return std::unexpected(found.error());
    only = std::move(*found);
    return {};
  };
  Result<void> done = co_await engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  defaults.add(0, only, generation);
  co_return only;
}

std::string Directory::Impl::default_domain_now() {
  if (!options.default_domain.empty()) return options.default_domain;
  if (std::optional<std::string> remembered = defaults.find(0)) return std::move(*remembered);
  uint64_t generation = defaults.generation();
  Result<std::string> found = only_domain(engine);
  if (!found) return {};
  defaults.add(0, *found, generation);
  return *found;
}

Directory::Directory(engine::Engine& engine, const Clock& clock, Random& random, Pool& pool, Options options)
    : impl_(std::make_unique<Impl>(engine, clock, random, pool, std::move(options))) {}

Directory::~Directory() = default;

Task<Result<bool>> Directory::is_local_domain(std::string domain) {
  Result<std::string> name = message::domain_to_ascii(domain);
  if (!name) co_return false;
  Result<std::optional<Domain>> found = co_await impl_->fetch(domain_row(*name), decode_domain);
  if (!found) co_return std::unexpected(found.error());
  co_return found->has_value();
}

Task<Result<Account>> Directory::account(AccountId id) {
  if (std::optional<Account> remembered = impl_->accounts.find(id)) co_return std::move(*remembered);
  uint64_t generation = impl_->accounts.generation();
  Result<std::optional<Account>> found = co_await impl_->fetch(account_row(id), decode_account);
  if (!found) co_return std::unexpected(found.error());
  if (!found->has_value()) co_return fail(FaultKind::not_found, "no such account");
  impl_->accounts.add(id, **found, generation);
  co_return std::move(**found);
}

Task<Result<Account>> Directory::account(std::string address) {
  Result<std::string> key = message::address_key(address);
  if (!key) co_return fail(FaultKind::not_found, "no such account");
  Result<std::optional<NameRecord>> name = co_await impl_->fetch(name_row(*key), decode_name);
  if (!name) co_return std::unexpected(name.error());
  AccountId id = name->has_value() ? (*name)->account : 0;
  if (id == 0) co_return fail(FaultKind::not_found, "no such account");
  co_return co_await account(id);
}

Task<Result<Standing>> Directory::standing(AccountId id) {
  if (std::optional<Standing> remembered = impl_->standings.find(id)) co_return *remembered;
  uint64_t generation = impl_->standings.generation();
  Result<Account> found = co_await account(id);
  if (!found) co_return std::unexpected(found.error());
  Standing standing;
  standing.enabled = found->enabled;
  standing.quota_bytes = found->quota_bytes;
  standing.quota_messages = found->quota_messages;
  standing.domain = domain_part(found->address);
  std::string row = domain_row(standing.domain);
  Result<std::optional<Domain>> domain = co_await impl_->fetch(std::move(row), decode_domain);
  if (!domain) co_return std::unexpected(domain.error());
  if (domain->has_value()) {
    if (!standing.quota_bytes) standing.quota_bytes = (*domain)->quota_bytes;
    if (!standing.quota_messages) standing.quota_messages = (*domain)->quota_messages;
    standing.total_bytes = (*domain)->total_bytes;
    standing.total_messages = (*domain)->total_messages;
  }
  impl_->standings.add(id, standing, generation);
  co_return standing;
}

}  // namespace posthouse::directory
