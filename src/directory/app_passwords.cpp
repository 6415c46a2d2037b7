// App passwords: passwords of an account beside its own, each with a name, that can be taken back one by one.
#include "base/log.h"
#include "base/utf8.h"
#include "directory/impl.h"
#include "directory/password.h"

namespace posthouse::directory {

namespace {

using engine::Transaction;

Result<void> check_name(const std::string& name) {
  const bool printable =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 127; });
  if (!name.empty() && name.size() <= kMaxAppPasswordName && printable && is_utf8(name)) return {};
  return fail(FaultKind::syntax, fmt::format("a name has 1 to {} octets of UTF-8, without control characters",
                                             kMaxAppPasswordName));
}

std::unexpected<Fault> no_such(const std::string& name) {
  return fail(FaultKind::not_found, fmt::format("no app password '{}'", name));
}

Result<AppPasswords> load_app_passwords(const Transaction& rows, AccountId id) {
  Result<std::optional<AppPasswords>> there = load(rows, app_passwords_row(id), decode_app_passwords);
  if (!there) return std::unexpected(there.error());
  return there->value_or(AppPasswords());
}

Result<void> need_account(const Transaction& rows, AccountId id) {
  Result<std::optional<Account>> account = load(rows, account_row(id), decode_account);
  if (!account) return std::unexpected(account.error());
  if (!account->has_value()) return fail(FaultKind::not_found, "no such account");
  return {};
}

uint32_t day_of(SystemTime time) {
  return static_cast<uint32_t>(std::chrono::floor<std::chrono::days>(time).time_since_epoch().count());
}

}  // namespace

Result<void> check_scram_salt(const Transaction& rows, AccountId id, const ScramSalt& scram) {
  Result<AppPasswords> there = load_app_passwords(rows, id);
  if (!there) return std::unexpected(there.error());
  const std::optional<ScramSalt> wanted =
      there->secrets.empty() ? std::nullopt : std::optional<ScramSalt>(there->scram);
  if (!wanted || *wanted == scram) return {};
  return fail(FaultKind::temporary, "the account's passwords changed at the same moment, try again");
}

Task<Result<std::optional<ScramSalt>>> Directory::Impl::scram_salt(AccountId id) {
  Result<std::optional<AppPasswords>> there = co_await fetch(app_passwords_row(id), decode_app_passwords);
  if (!there) co_return std::unexpected(there.error());
  std::optional<ScramSalt> salt;
  if (there->has_value() && !(*there)->secrets.empty()) salt = (*there)->scram;
  co_return salt;
}

Task<Result<NewAppPassword>> Directory::add_app_password(AccountId id, AppPassword wanted) {
  Result<void> named = check_name(wanted.name);
  if (!named) co_return std::unexpected(named.error());
  Result<uint32_t> bits = protocol_bits(wanted.protocols);
  if (!bits) co_return std::unexpected(bits.error());
  // The salt of SCRAM is that of the account's own password, where there is one.
  Result<std::optional<ScramSalt>> salt = co_await impl_->scram_salt(id);
  if (!salt) co_return std::unexpected(salt.error());
  Result<std::optional<Credential>> own = co_await impl_->fetch(credential_row(id), decode_credential);
  if (!own) co_return std::unexpected(own.error());
  ScramSalt scram{kScramIterations, random_bytes(impl_->random, kScramSalt)};
  if (own->has_value() && (*own)->iterations != 0) scram = {(*own)->iterations, (*own)->salt};
  if (salt->has_value()) scram = **salt;

  const Secret password(impl_->random.token(kAppPasswordLength));
  AppSecret secret;
  secret.name = wanted.name;
  secret.protocols = *bits;
  secret.created = impl_->clock.now();
  secret.expires = wanted.expires;
  auto fill = [this, &secret, &scram, &password] {
    return fill_secret(secret, impl_->random, scram, password);
  };
  Result<void> filled = co_await offload(impl_->pool, fill);
  if (!filled) co_return std::unexpected(filled.error());

  auto add = [&](Transaction& rows) -> Result<void> {
    Result<void> possible = need_account(rows, id);
    if (possible) possible = check_scram_salt(rows, id, scram);
    if (!possible) return possible;
    Result<std::optional<Credential>> now = load(rows, credential_row(id), decode_credential);
    if (!now) return std::unexpected(now.error());
    Result<AppPasswords> all = load_app_passwords(rows, id);
    if (!all) return std::unexpected(all.error());
    const bool alone = all->secrets.empty() && now->has_value() && (*now)->iterations != 0;
    if (alone && ScramSalt{(*now)->iterations, (*now)->salt} != scram) {
      return fail(FaultKind::temporary, "the account's password changed at the same moment, try again");
    }
    if (all->find(secret.name) != nullptr) {
      return fail(FaultKind::exists, fmt::format("there is an app password '{}' already", secret.name));
    }
    if (all->secrets.size() >= kMaxAppPasswords) {
      return fail(FaultKind::policy,
                  fmt::format("an account has at most {} app passwords", kMaxAppPasswords));
    }
    secret.id = all->next_id++;
    all->scram = scram;
    all->secrets.push_back(secret);
    rows.put(app_passwords_row(id), encode(*all));
    return {};
  };
  Result<void> done = co_await impl_->change(add);
  if (!done) co_return std::unexpected(done.error());
  co_return NewAppPassword{describe(secret, {}), password};
}

Task<Result<std::vector<AppPassword>>> Directory::app_passwords(AccountId id) {
  Result<std::optional<AppPasswords>> all =
      co_await impl_->fetch(app_passwords_row(id), decode_app_passwords);
  if (!all) co_return std::unexpected(all.error());
  std::vector<AppPassword> out;
  if (!all->has_value()) co_return out;
  Result<std::optional<LastUses>> uses = co_await impl_->fetch(last_uses_row(id), decode_last_uses);
  if (!uses) co_return std::unexpected(uses.error());
  for (const AppSecret& secret : (*all)->secrets) out.push_back(describe(secret, uses->value_or(LastUses())));
  co_return out;
}

Task<Result<AppPassword>> Directory::remove_app_password(AccountId id, std::string name) {
  AppPassword gone;
  auto remove = [&](Transaction& rows) -> Result<void> {
    Result<AppPasswords> all = load_app_passwords(rows, id);
    if (!all) return std::unexpected(all.error());
    const AppSecret* found = all->find(name);
    if (found == nullptr) return no_such(name);
    gone = describe(*found, {});
    all->secrets.erase(all->secrets.begin() + (found - all->secrets.data()));
    rows.put(app_passwords_row(id), encode(*all));  // also the last one: ids are not used again
    Result<std::optional<LastUses>> uses = load(rows, last_uses_row(id), decode_last_uses);
    if (!uses || !uses->has_value() || (*uses)->erase(gone.id) == 0) return {};
    rows.put(last_uses_row(id), encode(**uses));
    return {};
  };
  Result<void> done = co_await impl_->change(remove);
  if (!done) co_return std::unexpected(done.error());
  co_return gone;
}

Task<Result<bool>> Directory::has_app_password(AccountId id, uint32_t app_password) {
  Result<std::optional<AppPasswords>> all =
      co_await impl_->fetch(app_passwords_row(id), decode_app_passwords);
  if (!all) co_return std::unexpected(all.error());
  if (!all->has_value()) co_return false;
  co_return std::ranges::any_of((*all)->secrets,
                                [&](const AppSecret& secret) { return secret.id == app_password; });
}

Task<void> Directory::note_use(AccountId id, uint32_t app_password) {
  const uint32_t today = day_of(impl_->clock.now());
  if (!impl_->first_use_today(id, app_password, today)) co_return;
  auto note = [&](Transaction& rows) -> Result<void> {
    Result<AppPasswords> all = load_app_passwords(rows, id);
    if (!all) return std::unexpected(all.error());
    Result<std::optional<LastUses>> there = load(rows, last_uses_row(id), decode_last_uses);
    LastUses uses;
    if (there) uses = there->value_or(LastUses());
    LastUses kept;
    for (const AppSecret& secret : all->secrets) {
      if (const auto found = uses.find(secret.id); found != uses.end()) kept.insert(*found);
      if (secret.id == app_password) kept[secret.id] = today;
    }
    rows.put(last_uses_row(id), encode(kept));
    return {};
  };
  std::vector<engine::Step> steps;
  steps.push_back(engine::Step{kPartition, note});
  Result<void> done = co_await impl_->engine.transact_relaxed(std::move(steps));
  if (!done) log::warn("directory.use_not_noted", {{"account", id}, {"why", done.error().what}});
}

bool Directory::Impl::first_use_today(AccountId id, uint32_t app_password, uint32_t today) {
  const std::lock_guard lock(used_mutex);
  const std::string key = fmt::format("{} {}", id, app_password);
  if (const uint32_t* day = used_on.find(key); day != nullptr && *day == today) return false;
  used_on.put(key, today);
  return true;
}

Task<Result<std::string>> Directory::app_passwords_record(AccountId id) {
  Result<std::optional<std::string>> row = co_await impl_->engine.fetch(kPartition, app_passwords_row(id));
  if (!row) co_return std::unexpected(row.error());
  co_return row->value_or("");
}

Task<Result<void>> Directory::set_app_passwords_record(AccountId id, std::string record) {
  Result<AppPasswords> decoded = decode_app_passwords(record);
  if (!decoded) co_return std::unexpected(decoded.error());
  auto put = [&](Transaction& rows) -> Result<void> {
    Result<void> possible = need_account(rows, id);
    if (!possible) return possible;
    Result<AppPasswords> there = load_app_passwords(rows, id);
    if (!there) return std::unexpected(there.error());
    if (!there->secrets.empty()) return fail(FaultKind::exists, "the account has app passwords already");
    Result<std::optional<Credential>> own = load(rows, credential_row(id), decode_credential);
    if (!own) return std::unexpected(own.error());
    // Its SCRAM keys have another salt; they are made again, with this one, when the password is known.
    const bool differs = own->has_value() && (*own)->iterations != 0 &&
                         ScramSalt{(*own)->iterations, (*own)->salt} != decoded->scram;
    if (differs) {
      Credential without;
      without.hash = (*own)->hash;
      rows.put(credential_row(id), encode(without));
    }
    rows.put(app_passwords_row(id), record);
    return {};
  };
  co_return co_await impl_->change(put);
}

}  // namespace posthouse::directory
