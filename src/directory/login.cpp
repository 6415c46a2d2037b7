// May this login: passwords, SCRAM keys, throttling.
#include "base/ascii.h"
#include "base/log.h"
#include "directory/impl.h"
#include "directory/password.h"
#include "message/address.h"

namespace posthouse::directory {

namespace {

// Verified in the place of a user who doesn't exist, so that it takes as long. Nothing hashes to it.
constexpr const char* kNobodysHash =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

// One answer to all that is wrong with a name or a password. The session that asked logs it, with the name.
std::unexpected<Fault> refused() {
  return fail(FaultKind::policy, "wrong name or password");
}

std::string with_domain(const std::string& name, const std::string& domain) {
  if (name.find('@') != std::string::npos || domain.empty()) return name;
  return fmt::format("{}@{}", name, domain);
}

// Keys that look like any user's and are the same each time, from a secret of this installation.
ScramKeys made_up_keys(const std::string& secret, const std::string& name) {
  ScramKeys keys;
  keys.iterations = kScramIterations;
  keys.salt = hmac_sha256(secret, "salt " + name).substr(0, kScramSalt);
  keys.stored_key = hmac_sha256(secret, "stored key " + name);
  keys.server_key = hmac_sha256(secret, "server key " + name);
  return keys;
}

}  // namespace

std::string Directory::Impl::counted_name(const std::string& name) {
  if (name.size() > kMaxLoginName) return {};
  std::string full = with_domain(name, default_domain_now());
  return message::address_key(full).value_or(to_lower(full));
}

Task<Result<Directory::Impl::CandidatePtr>> Directory::Impl::candidate(std::string name) {
  if (std::optional<CandidatePtr> remembered = login_candidates.find(name)) co_return std::move(*remembered);
  const uint64_t generation = login_candidates.generation();
  Result<CandidatePtr> found = co_await look_up_candidate(name);
  if (found && *found) login_candidates.add(name, *found, generation);
  co_return found;
}

Task<Result<Directory::Impl::CandidatePtr>> Directory::Impl::look_up_candidate(std::string name) {
  const CandidatePtr nobody;
  if (name.size() > kMaxLoginName) co_return nobody;
  Result<std::string> domain = co_await default_domain();
  if (!domain) co_return std::unexpected(domain.error());
  Result<std::string> key = message::address_key(with_domain(name, *domain));
  if (!key) co_return nobody;

  Result<std::optional<NameRecord>> record = co_await fetch(name_row(*key), decode_name);
  if (!record) co_return std::unexpected(record.error());
  AccountId id = record->has_value() ? (*record)->account : 0;
  if (id == 0) co_return nobody;
  Result<std::optional<Account>> account = co_await fetch(account_row(id), decode_account);
  if (!account) co_return std::unexpected(account.error());
  Result<std::optional<std::string>> row = co_await engine.fetch(kPartition, credential_row(id));
  if (!row) co_return std::unexpected(row.error());
  if (!account->has_value() || !row->has_value()) co_return nobody;
  Result<Credential> credential = decode_credential(**row);
  if (!credential) co_return std::unexpected(credential.error());
  Result<std::optional<AppPasswords>> apps = co_await fetch(app_passwords_row(id), decode_app_passwords);
  if (!apps) co_return std::unexpected(apps.error());
  Candidate found{std::move(**account), std::move(**row), std::move(*credential),
                  apps->value_or(AppPasswords())};
  co_return std::make_shared<const Candidate>(std::move(found));
}

bool Directory::Impl::remembers(const CandidatePtr& candidate, const Secret& password) {
  return candidate && verified.contains(candidate->account.id, candidate->credential_record, password);
}

namespace {
// Of the candidate's app passwords, the one that it is; there is nothing to verify slowly then.
const AppSecret* app_secret(const auto& candidate, const Secret& password) {
  return candidate ? candidate->app_passwords.find(password) : nullptr;
}

std::unexpected<Fault> refused(const AppSecret& secret, const std::string& protocol) {
  return fail(FaultKind::policy, fmt::format("app password '{}' is {}", secret.name,
                                             secret.allows(protocol) ? "over" : "not for " + protocol));
}
}  // namespace

Task<Result<bool>> Directory::Impl::verify(std::optional<std::string> hash, Secret password) {
  if (pool.backlog() > kMaxWaitingLogins) co_return fail(FaultKind::temporary, "too many logins at once");
  verifications.add();
  const std::string compared = hash.value_or(kNobodysHash);
  auto work = [&compared, &password] { return verify_password(compared, password); };
  const bool matches = co_await offload(pool, work);
  co_return matches&& hash.has_value();
}

Task<Result<Authenticated>> Directory::authenticate(Login login) {
  Impl& inside = *impl_;
  Result<Impl::CandidatePtr> found = co_await inside.candidate(login.name);
  if (!found) co_return std::unexpected(found.error());
  // App passwords are looked at as they are now: one that was taken back is remembered nowhere.
  const AppSecret* app = app_secret(*found, login.password);
  bool remembered = app == nullptr && inside.remembers(*found, login.password);
  std::optional<LoginGate::Place> place;
  if (!remembered && app == nullptr) {
    std::optional<LoginGate::Place> given = co_await inside.gate.enter(login.peer.network().to_string());
    if (!given) co_return fail(FaultKind::temporary, "too many logins at once from one network");
    place.emplace(std::move(*given));
    // Who stood before in the line may have proved it meanwhile, or an operator changed it.
    found = co_await inside.candidate(login.name);
    if (!found) co_return std::unexpected(found.error());
    app = app_secret(*found, login.password);
    remembered = app == nullptr && inside.remembers(*found, login.password);
  }
  const std::string counted = inside.counted_name(login.name);
  Result<void> allowed = inside.check_throttle(counted, login.peer);
  if (!allowed) co_return std::unexpected(allowed.error());
  const Impl::CandidatePtr& candidate = *found;

  bool good = remembered;
  if (app != nullptr) {
    good = app->allows(login.protocol) && !app->is_over(inside.clock.now());
  } else if (!remembered) {
    std::optional<std::string> hash;
    if (candidate) hash = candidate->credential.hash;
    Result<bool> matches = co_await inside.verify(std::move(hash), login.password);
    if (!matches) co_return std::unexpected(matches.error());
    good = *matches;
  }
  good = good && candidate->account.enabled;
  const bool stands = inside.report(counted, login.peer, good);
  if (good && !stands) co_return fail(FaultKind::temporary, "throttled: too many failed logins meanwhile");
  if (!good && app != nullptr && candidate->account.enabled) {
    co_return refused(*app, login.protocol);
  }
  if (!good) co_return refused();
  Authenticated who{candidate->account.id, candidate->account.address};
  if (app != nullptr) {
    who.app_password = app->id;
    who.app_password_name = app->name;
    co_await note_use(who.id, who.app_password);
  } else if (!remembered) {
    inside.verified.add(candidate->account.id, candidate->credential_record, login.password);
    if (!is_current(candidate->credential.hash) || candidate->credential.iterations == 0) {
      co_await inside.renew_credential(candidate->account.id, candidate->credential_record, login.password);
    }
  }
  co_return who;
}

Task<void> Directory::Impl::renew_credential(AccountId id, std::string old_record, Secret password) {
  Result<std::optional<ScramSalt>> salt = co_await scram_salt(id);
  if (!salt) co_return;
  auto make = [this, &password, &salt] { return make_credential(random, password, *salt); };
  Result<Credential> credential = co_await offload(pool, make);
  if (!credential) co_return;
  std::string record = encode(*credential);
  auto replace = [&](engine::Transaction& rows) -> Result<void> {
    Result<std::optional<std::string>> now = rows.get(credential_row(id));
    if (!now) return std::unexpected(now.error());
    if (*now != old_record) return {};
    Result<void> fits = check_scram_salt(rows, id, {credential->iterations, credential->salt});
    if (fits) rows.put(credential_row(id), record);
    return fits;
  };
  Result<void> done = co_await change(replace);
  if (!done) log::warn("directory.hash_not_renewed", {{"account", id}, {"why", done.error().what}});
}

Task<Result<std::string>> Directory::Impl::server_secret() {
  {
    std::lock_guard lock(secret_mutex);
    if (!secret.empty()) co_return std::string(secret.reveal());
  }
  std::string fresh(32, '\0');
  random.fill({reinterpret_cast<unsigned char*>(fresh.data()), fresh.size()});
  std::string value;
  auto get_or_make = [&](engine::Transaction& rows) -> Result<void> {
    Result<std::optional<std::string>> there = load(rows, std::string(kSecretRow), decode_secret);
    if (!there) return std::unexpected(there.error());
    value = there->value_or(fresh);
    if (!there->has_value()) rows.put(kSecretRow, encode_secret(fresh));
    return {};
  };
  Result<void> done = co_await change(get_or_make);
  if (!done) co_return std::unexpected(done.error());
  std::lock_guard lock(secret_mutex);
  secret = Secret(value);
  co_return value;
}

namespace {
// SCRAM shows one salt before the client has proved anything: the keys of app passwords that were made with
// it can be tried beside the account's own.
void add_app_keys(ScramKeys& keys, const AppPasswords& all, std::string_view protocol, SystemTime now) {
  if (ScramSalt{keys.iterations, keys.salt} != all.scram) return;
  for (const AppSecret& secret : all.secrets) {
    keys.app_passwords.push_back({secret.id, secret.name, secret.stored_key, secret.server_key,
                                  secret.allows(protocol) && !secret.is_over(now)});
  }
}
}  // namespace

Task<Result<ScramKeys>> Directory::scram_keys(std::string name, std::string protocol) {
  Result<Impl::CandidatePtr> found = co_await impl_->candidate(name);
  if (!found) co_return std::unexpected(found.error());
  const Impl::CandidatePtr& candidate = *found;
  const bool known = candidate && candidate->account.enabled;
  if (known && candidate->credential.iterations != 0) {
    const Credential& credential = candidate->credential;
    ScramKeys keys{credential.iterations, credential.salt, credential.stored_key, credential.server_key,
                   candidate->account.id};
    add_app_keys(keys, candidate->app_passwords, protocol, impl_->clock.now());
    co_return keys;
  }
  // A disabled account and one with an imported hash look like nobody's.
  Result<std::string> secret = co_await impl_->server_secret();
  if (!secret) co_return std::unexpected(secret.error());
  ScramKeys keys = made_up_keys(*secret, impl_->counted_name(name));
  if (known && !candidate->app_passwords.secrets.empty()) {
    keys.iterations = candidate->app_passwords.scram.iterations;
    keys.salt = candidate->app_passwords.scram.salt;
    keys.account = candidate->account.id;
    add_app_keys(keys, candidate->app_passwords, protocol, impl_->clock.now());
  }
  co_return keys;
}

Task<Result<Authenticated>> Directory::vouched(std::string name) {
  Result<Impl::CandidatePtr> found = co_await impl_->candidate(name);
  if (!found) co_return std::unexpected(found.error());
  if (!*found || !(*found)->account.enabled) co_return refused();
  co_return Authenticated{(*found)->account.id, (*found)->account.address};
}

bool Directory::Impl::report(const std::string& counted, const IpAddress& peer, bool success) {
  const bool stands = throttle.report(counted, peer, success);
  if (!success) {
    logins_bad.add();
  } else {
    (stands ? logins_good : logins_throttled).add();
  }
  return stands;
}

Result<void> Directory::Impl::check_throttle(const std::string& counted, const IpAddress& peer) {
  Result<void> allowed = throttle.check(counted, peer);
  if (!allowed) logins_throttled.add();
  return allowed;
}

bool Directory::report_login(const std::string& name, const IpAddress& peer, bool success) {
  return impl_->report(impl_->counted_name(name), peer, success);
}

Result<void> Directory::check_throttle(const std::string& name, const IpAddress& peer) {
  return impl_->check_throttle(impl_->counted_name(name), peer);
}

}  // namespace posthouse::directory
