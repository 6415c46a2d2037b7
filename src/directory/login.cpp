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

// One answer to all that is wrong with a name or a password.
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

Task<Result<std::optional<Directory::Impl::Candidate>>> Directory::Impl::candidate(std::string name) {
  std::optional<Candidate> nobody;
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
  std::optional<Candidate> found(Candidate{std::move(**account), std::move(**row), std::move(*credential)});
  co_return found;
}

bool Directory::Impl::remembers(const std::optional<Candidate>& candidate, const Secret& password) {
  return candidate && verified.contains(candidate->account.id, candidate->credential_record, password);
}

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
  Result<std::optional<Impl::Candidate>> found = co_await inside.candidate(login.name);
  if (!found) co_return std::unexpected(found.error());
  bool remembered = inside.remembers(*found, login.password);
  std::optional<LoginGate::Place> place;
  if (!remembered) {
    std::optional<LoginGate::Place> given = co_await inside.gate.enter(login.peer.network().to_string());
    if (!given) co_return fail(FaultKind::temporary, "too many logins at once from one network");
    place.emplace(std::move(*given));
    // Who stood before in the line may have proved it meanwhile, or an operator changed it.
    found = co_await inside.candidate(login.name);
    if (!found) co_return std::unexpected(found.error());
    remembered = inside.remembers(*found, login.password);
  }
  Result<void> allowed = check_throttle(login.name, login.peer);
  if (!allowed) co_return std::unexpected(allowed.error());
  const std::optional<Impl::Candidate>& candidate = *found;

  bool good = remembered;
  if (!remembered) {
    std::optional<std::string> hash;
    if (candidate) hash = candidate->credential.hash;
    Result<bool> matches = co_await inside.verify(std::move(hash), login.password);
    if (!matches) co_return std::unexpected(matches.error());
    good = *matches;
  }
  good = good && candidate->account.enabled;
  const bool stands = report_login(login.name, login.peer, good);
  if (good && !stands) co_return fail(FaultKind::policy, "throttled: too many failed logins meanwhile");
  if (!good) {
    log::info("directory.login_failed",
              {{"name", login.name}, {"peer", login.peer.to_string()}, {"protocol", login.protocol}});
    co_return refused();
  }
  if (!remembered) {
    inside.verified.add(candidate->account.id, candidate->credential_record, login.password);
    if (!is_current(candidate->credential.hash)) {
      co_await inside.renew_credential(candidate->account.id, candidate->credential_record, login.password);
    }
  }
  co_return Authenticated{candidate->account.id, candidate->account.address};
}

Task<void> Directory::Impl::renew_credential(AccountId id, std::string old_record, Secret password) {
  auto make = [this, &password] { return make_credential(random, password); };
  Result<Credential> credential = co_await offload(pool, make);
  if (!credential) co_return;
  std::string record = encode(*credential);
  auto replace = [&](engine::Transaction& rows) -> Result<void> {
    Result<std::optional<std::string>> now = rows.get(credential_row(id));
    if (!now) return std::unexpected(now.error());
    if (*now == old_record) rows.put(credential_row(id), record);
    return {};
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

Task<Result<ScramKeys>> Directory::scram_keys(std::string name) {
  Result<std::optional<Impl::Candidate>> found = co_await impl_->candidate(name);
  if (!found) co_return std::unexpected(found.error());
  const std::optional<Impl::Candidate>& candidate = *found;
  // A disabled account and one with an imported hash look like nobody's.
  if (candidate && candidate->account.enabled && candidate->credential.iterations != 0) {
    const Credential& credential = candidate->credential;
    co_return ScramKeys{credential.iterations, credential.salt, credential.stored_key, credential.server_key,
                        candidate->account.id};
  }
  Result<std::string> secret = co_await impl_->server_secret();
  if (!secret) co_return std::unexpected(secret.error());
  co_return made_up_keys(*secret, impl_->counted_name(name));
}

bool Directory::report_login(const std::string& name, const IpAddress& peer, bool success) {
  const bool stands = impl_->throttle.report(impl_->counted_name(name), peer, success);
  if (!success) {
    impl_->logins_bad.add();
  } else {
    (stands ? impl_->logins_good : impl_->logins_throttled).add();
  }
  return stands;
}

Result<void> Directory::check_throttle(const std::string& name, const IpAddress& peer) {
  Result<void> allowed = impl_->throttle.check(impl_->counted_name(name), peer);
  if (!allowed) impl_->logins_throttled.add();
  return allowed;
}

}  // namespace posthouse::directory
