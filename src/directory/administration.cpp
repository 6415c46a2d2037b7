// Adding, changing and removing domains, accounts and aliases: each one transaction.
#include "base/ascii.h"
#include "base/log.h"
#include "directory/alias_check.h"
#include "directory/impl.h"
#include "directory/password.h"
#include "engine/record.h"
#include "message/address.h"

namespace posthouse::directory {

namespace {

using engine::Transaction;

Result<std::string> normal_domain(const std::string& name) {
  Result<std::string> domain = message::domain_to_ascii(name);
  if (!domain || domain->empty() || domain->starts_with('[')) {
    return fail(FaultKind::syntax, fmt::format("not a domain name: '{}'", name));
  }
  return domain;
}

Result<std::string> normal_address(const std::string& address) {
  Result<std::string> key = message::address_key(address);
  if (!key || domain_part(*key).empty() || domain_part(*key).starts_with('[')) {
    return fail(FaultKind::syntax, fmt::format("not an address: '{}'", address));
  }
  return key;
}

// What an alias leads to: the domain normalised, the local part as written, for hosts that tell its cases
// apart.
Result<std::string> normal_target(const std::string& address) {
  Result<message::Address> mailbox = message::parse_mailbox(address);
  Result<std::string> key = message::address_key(address);
  if (!mailbox || !key || mailbox->domain.empty()) {
    return fail(FaultKind::syntax, fmt::format("not an address: '{}'", address));
  }
  mailbox->domain = domain_part(*key);
  return mailbox->to_string();
}

Result<Domain> normal(Domain domain) {
  Result<std::string> name = normal_domain(domain.name);
  if (!name) return std::unexpected(name.error());
  domain.name = *name;
  if (domain.catch_all.empty()) return domain;
  Result<std::string> target = normal_target(domain.catch_all);
  if (!target) return std::unexpected(target.error());
  domain.catch_all = *target;
  return domain;
}

Result<void> need_domain(const Transaction& rows, std::string_view address) {
  Result<std::optional<Domain>> domain = load(rows, domain_row(domain_part(address)), decode_domain);
  if (!domain) return std::unexpected(domain.error());
  if (!domain->has_value()) {
    return fail(FaultKind::not_found, fmt::format("{} is not a domain of ours", domain_part(address)));
  }
  return {};
}

Result<void> need_free(const Transaction& rows, const std::string& address) {
  Result<std::optional<NameRecord>> name = load(rows, name_row(address), decode_name);
  if (!name) return std::unexpected(name.error());
  if (!name->has_value()) return {};
  const char* what = (*name)->account != 0 ? "an account" : "an alias";
  return fail(FaultKind::exists, fmt::format("{} is {} already", address, what));
}

Result<Account> need_account(const Transaction& rows, AccountId id) {
  Result<std::optional<Account>> account = load(rows, account_row(id), decode_account);
  if (!account) return std::unexpected(account.error());
  if (!account->has_value()) return fail(FaultKind::not_found, "no such account");
  return std::move(**account);
}

Result<AccountId> next_id(const Result<std::optional<std::string>>& row) {
  if (!row) return std::unexpected(row.error());
  return *row ? decode_number(**row) : Result<AccountId>(1);
}

// Who has lost its row here, and perhaps the row that counts accounts with it, still has its mail: a number
// with such rows is never given again. What can't be read is something, too.
Task<Result<AccountId>> unused_id(engine::Engine& engine) {
  AccountId id = 0;
  auto look = [&id](const engine::Reader& reader) -> Result<void> {
    const Result<AccountId> next = next_id(reader.get(kPartition, kNextIdRow));
    if (!next) return std::unexpected(next.error());
    for (id = *next;; ++id) {
      bool any = false;
      const Result<void> scanned = reader.scan({engine::PartitionKind::account, id}, "", "",
                                               [&any](std::string_view, std::string_view) {
                                                 any = true;
                                                 return false;
                                               });
      if (!any && (scanned || scanned.error().kind != FaultKind::corrupt)) return scanned;
      log::warn("directory.number_passed_over", {{"account", id}});
    }
  };
  Result<void> looked = co_await engine.read(look);
  if (!looked) co_return std::unexpected(looked.error());
  co_return id;
}

void put_account(Transaction& rows, const Account& account) {
  rows.put(account_row(account.id), encode(account));
  rows.put(name_row(account.address), encode(NameRecord{account.id, {}}));
  if (account.admin) {
    rows.put(admin_row(account.id), encode_number(account.id));
  } else {
    rows.erase(admin_row(account.id));
  }
}

// How many aliases one after another lead to `address`, or to the catch-all of "@domain".
Task<Result<size_t>> aliases_above(engine::Engine& engine, std::string address) {
  size_t above = 0;
  auto look = [&](const engine::Reader& reader) -> Result<void> {
    Result<size_t> counted = count_upwards(reader, address);
    if (!counted) return std::unexpected(counted.error());
    above = *counted;
    return {};
  };
  Result<void> looked = co_await engine.read(look);
  if (!looked) co_return std::unexpected(looked.error());
  co_return above;
}

Result<void> check_new_catch_all(const Transaction& rows, const Domain& domain, size_t above) {
  if (domain.catch_all.empty()) return {};
  Result<size_t> below = check_catch_all(rows, domain);
  if (!below) return std::unexpected(below.error());
  if (above + *below > kMaxAliasDepth) return chain_too_long("@" + domain.name);
  return {};
}

bool has_rows(const Transaction& rows, const std::string& prefix, Result<void>& done) {
  bool any = false;
  done = rows.scan(prefix, after(prefix), [&any](std::string_view, std::string_view) {
    any = true;
    return false;
  });
  return any;
}

Result<void> check_display_name(const std::string& name) {
  bool printable =
      std::none_of(name.begin(), name.end(), [](unsigned char c) { return c < ' ' || c == 127; });
  if (printable && name.size() <= kMaxDisplayName) return {};
  return fail(
      FaultKind::syntax,
      fmt::format("a display name has at most {} octets, without control characters", kMaxDisplayName));
}

}  // namespace

Task<Result<void>> Directory::add_domain(Domain given) {
  // Those that are there already, from a time that was less strict, can still be changed and removed.
  Result<std::string> name = message::mail_domain(given.name);
  if (!name) co_return std::unexpected(name.error());
  Result<Domain> domain = normal(std::move(given));
  if (!domain) co_return std::unexpected(domain.error());
  Result<size_t> above = co_await aliases_above(impl_->engine, "@" + domain->name);
  if (!above) co_return std::unexpected(above.error());
  auto add = [&domain, &above](Transaction& rows) -> Result<void> {
    std::string row = domain_row(domain->name);
    Result<std::optional<std::string>> there = rows.get(row);
    if (!there) return std::unexpected(there.error());
    if (there->has_value()) return fail(FaultKind::exists, fmt::format("{} is there already", domain->name));
    Result<void> leads_on = check_new_catch_all(rows, *domain, *above);
    if (leads_on) rows.put(row, encode(*domain));
    return leads_on;
  };
  co_return co_await impl_->change(add);
}

Task<Result<void>> Directory::update_domain(Domain given) {
  Result<Domain> domain = normal(std::move(given));
  if (!domain) co_return std::unexpected(domain.error());
  Result<size_t> above = co_await aliases_above(impl_->engine, "@" + domain->name);
  if (!above) co_return std::unexpected(above.error());
  auto update = [&domain, &above](Transaction& rows) -> Result<void> {
    const std::string row = domain_row(domain->name);
    Result<void> possible = need_domain(rows, "@" + domain->name);
    if (!possible) return possible;
    Result<std::optional<Domain>> there = load(rows, row, decode_domain);
    if (!there) return std::unexpected(there.error());
    // One that is there already, from a time when nobody looked, is in the way of nothing else.
    if ((*there)->catch_all != domain->catch_all) possible = check_new_catch_all(rows, *domain, *above);
    if (possible) rows.put(row, encode(*domain));
    return possible;
  };
  co_return co_await impl_->change(update);
}

Task<Result<void>> Directory::remove_domain(std::string name) {
  Result<std::string> domain = normal_domain(name);
  if (!domain) co_return std::unexpected(domain.error());
  auto remove = [&domain](Transaction& rows) -> Result<void> {
    Result<void> known = need_domain(rows, "@" + *domain);
    if (!known) return known;
    Result<void> done;
    if (has_rows(rows, names_of(*domain), done)) {
      return fail(FaultKind::policy, fmt::format("{} still has accounts or aliases", *domain));
    }
    rows.erase(domain_row(*domain));
    return done;
  };
  co_return co_await impl_->change(remove);
}

Task<Result<std::vector<Domain>>> Directory::domains() {
  std::vector<Domain> found;
  auto look = [&found](const engine::Reader& reader) {
    return reader.scan(kPartition, "d", after("d"), [&found](std::string_view key, std::string_view value) {
      Result<Domain> domain = decode_domain(value);
      if (domain) {
        found.push_back(std::move(*domain));
      } else {
        log::error("directory.bad_record", {{"domain", key.substr(1)}, {"why", domain.error().what}});
      }
      return true;
    });
  };
  Result<void> done = co_await impl_->engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  co_return found;
}

Task<Result<Account>> Directory::add_account(Account account, Secret password) {
  Result<std::string> address = normal_address(account.address);
  if (!address) co_return std::unexpected(address.error());
  account.address = *address;
  Result<void> named = check_display_name(account.display_name);
  if (!named) co_return std::unexpected(named.error());
  auto make = [this, &password] { return make_credential(impl_->random, password); };
  Result<Credential> credential = co_await offload(impl_->pool, make);
  if (!credential) co_return std::unexpected(credential.error());
  // One that comes back from a backup says when it was made.
  if (account.created == SystemTime()) account.created = impl_->clock.now();
  for (bool added = false; !added;) {
    Result<AccountId> id = co_await unused_id(impl_->engine);
    if (!id) co_return std::unexpected(id.error());
    account.id = *id;
    auto add = [&](Transaction& rows) -> Result<void> {
      Result<void> possible = need_domain(rows, account.address);
      if (possible) possible = need_free(rows, account.address);
      if (!possible) return possible;
      const Result<AccountId> next = next_id(rows.get(kNextIdRow));
      if (!next) return std::unexpected(next.error());
      added = *next <= account.id;  // else somebody else got this number meanwhile
      if (!added) return {};
      rows.put(kNextIdRow, encode_number(account.id + 1));
      put_account(rows, account);
      rows.put(credential_row(account.id), encode(*credential));
      return {};
    };
    Result<void> done = co_await impl_->change(add);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return account;
}

Task<Result<void>> Directory::update_account(Account account) {
  Result<std::string> address = normal_address(account.address);
  if (!address) co_return std::unexpected(address.error());
  account.address = *address;
  Result<void> named = check_display_name(account.display_name);
  if (!named) co_return named;
  auto update = [&account](Transaction& rows) -> Result<void> {
    Result<Account> old = need_account(rows, account.id);
    if (!old) return std::unexpected(old.error());
    if (old->address != account.address) {
      Result<void> possible = need_domain(rows, account.address);
      if (possible) possible = need_free(rows, account.address);
      if (!possible) return possible;
      rows.erase(name_row(old->address));
    }
    account.created = old->created;
    put_account(rows, account);
    return {};
  };
  Result<void> done = co_await impl_->change(update);
  if (!account.enabled) impl_->verified.forget(account.id);
  co_return done;
}

Task<Result<void>> Directory::set_password(AccountId id, Secret password) {
  Result<std::optional<ScramSalt>> salt = co_await impl_->scram_salt(id);
  if (!salt) co_return std::unexpected(salt.error());
  auto make = [this, &password, &salt] { return make_credential(impl_->random, password, *salt); };
  Result<Credential> credential = co_await offload(impl_->pool, make);
  if (!credential) co_return std::unexpected(credential.error());
  auto set = [&](Transaction& rows) -> Result<void> {
    Result<Account> account = need_account(rows, id);
    if (!account) return std::unexpected(account.error());
    Result<void> fits = check_scram_salt(rows, id, {credential->iterations, credential->salt});
    if (fits) rows.put(credential_row(id), encode(*credential));
    return fits;
  };
  Result<void> done = co_await impl_->change(set);
  impl_->verified.forget(id);
  co_return done;
}

Task<Result<void>> Directory::set_password_hash(AccountId id, Secret hash) {
  Result<std::string> bare = importable_hash(hash.reveal());
  if (!bare) co_return std::unexpected(bare.error());
  auto set = [&](Transaction& rows) -> Result<void> {
    Result<Account> account = need_account(rows, id);
    if (!account) return std::unexpected(account.error());
    Credential imported;
    imported.hash = *bare;
    rows.put(credential_row(id), encode(imported));
    return {};
  };
  Result<void> done = co_await impl_->change(set);
  impl_->verified.forget(id);
  co_return done;
}

Task<Result<void>> Directory::remove_account(AccountId id) {
  auto remove = [id](Transaction& rows) -> Result<void> {
    Result<Account> account = need_account(rows, id);
    if (!account) return std::unexpected(account.error());
    rows.erase(name_row(account->address));
    rows.erase(account_row(id));
    rows.erase(credential_row(id));
    rows.erase(app_passwords_row(id));
    rows.erase(last_uses_row(id));
    rows.erase(admin_row(id));
    return {};
  };
  Result<void> done = co_await impl_->change(remove);
  impl_->verified.forget(id);
  co_return done;
}

Task<Result<std::vector<Account>>> Directory::accounts(std::string domain) {
  std::string wanted;
  if (!domain.empty()) {
    Result<std::string> name = normal_domain(domain);
    if (!name) co_return std::unexpected(name.error());
    wanted = *name;
  }
  std::vector<Account> found;
  auto look = [&](const engine::Reader& reader) {
    return reader.scan(kPartition, "a", after("a"), [&](std::string_view key, std::string_view value) {
      Result<Account> account = decode_account(value);
      if (!account) {
        uint64_t id = key.size() == 9 ? engine::read_key_u64(key.substr(1)) : 0;
        log::error("directory.bad_record", {{"account", id}, {"why", account.error().what}});
      } else if (wanted.empty() || domain_part(account->address) == wanted) {
        found.push_back(std::move(*account));
      }
      return true;
    });
  };
  Result<void> done = co_await impl_->engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  auto by_address = [](const Account& a, const Account& b) { return a.address < b.address; };
  std::sort(found.begin(), found.end(), by_address);
  co_return found;
}

Task<Result<void>> Directory::set_alias(Alias alias) {
  Result<std::string> address = normal_address(alias.address);
  if (!address) co_return std::unexpected(address.error());
  if (alias.targets.empty()) co_return fail(FaultKind::syntax, "an alias needs a target");
  if (alias.targets.size() > kMaxTargets) {
    co_return fail(FaultKind::syntax, fmt::format("an alias has at most {} targets", kMaxTargets));
  }
  NameRecord record;
  for (const auto& text : alias.targets) {
    Result<std::string> target = normal_target(text);
    if (!target) co_return std::unexpected(target.error());
    if (std::find(record.targets.begin(), record.targets.end(), *target) == record.targets.end()) {
      record.targets.push_back(*target);
    }
  }
  Result<size_t> above = co_await aliases_above(impl_->engine, *address);
  if (!above) co_return std::unexpected(above.error());
  auto set = [&](Transaction& rows) -> Result<void> {
    Result<void> possible = need_domain(rows, *address);
    if (!possible) return possible;
    Result<std::optional<NameRecord>> there = load(rows, name_row(*address), decode_name);
    if (!there) return std::unexpected(there.error());
    if (there->has_value() && (*there)->account != 0) {
      return fail(FaultKind::exists, fmt::format("{} is an account already", *address));
    }
    Result<size_t> below = check_downwards(rows, *address, record);
    if (!below) return std::unexpected(below.error());
    if (*above + *below > kMaxAliasDepth) {
      // A chain that is too long already may be shortened step by step.
      bool shortened = false;
      if (there->has_value()) {
        Result<size_t> before = check_downwards(rows, *address, **there);
        shortened = !before || *before >= *below;
      }
      if (!shortened) return chain_too_long(*address);
    }
    rows.put(name_row(*address), encode(record));
    return {};
  };
  co_return co_await impl_->change(set);
}

Task<Result<void>> Directory::remove_alias(std::string address) {
  Result<std::string> key = normal_address(address);
  if (!key) co_return std::unexpected(key.error());
  auto remove = [&key](Transaction& rows) -> Result<void> {
    Result<std::optional<NameRecord>> there = load(rows, name_row(*key), decode_name);
    if (!there) return std::unexpected(there.error());
    if (!there->has_value() || (*there)->account != 0) {
      return fail(FaultKind::not_found, fmt::format("no alias {}", *key));
    }
    rows.erase(name_row(*key));
    return {};
  };
  co_return co_await impl_->change(remove);
}

Task<Result<std::vector<Alias>>> Directory::aliases(std::string domain) {
  std::string prefix = "n";
  if (!domain.empty()) {
    Result<std::string> name = normal_domain(domain);
    if (!name) co_return std::unexpected(name.error());
    prefix = names_of(*name);
  }
  std::vector<Alias> found;
  auto look = [&](const engine::Reader& reader) {
    return reader.scan(kPartition, prefix, after(prefix), [&](std::string_view key, std::string_view value) {
      Result<NameRecord> name = decode_name(value);
      if (!name) {
        log::error("directory.bad_record", {{"address", address_of(key)}, {"why", name.error().what}});
      } else if (name->account == 0) {
        found.push_back(Alias{address_of(key), std::move(name->targets)});
      }
      return true;
    });
  };
  Result<void> done = co_await impl_->engine.read(look);
  if (!done) co_return std::unexpected(done.error());
  co_return found;
}

}  // namespace posthouse::directory
