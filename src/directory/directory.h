// Who lives here: domains, accounts, aliases, credentials. Answers "whose is this address" and "may this
// login".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip.h"
#include "base/pool.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/task.h"
#include "engine/engine.h"

namespace posthouse::directory {

using AccountId = uint64_t;

// Addresses here are normalised: domain in lower-case A-labels, local part NFC and case-folded, no quotes
// unless needed, subaddress kept. message::address_key() does that.

struct Account {
  AccountId id = 0;
  std::string address;  // its main address
  std::string display_name;
  bool enabled = true;
  bool admin = false;
  // Nothing: the domain's, then the default of the config. 0: no limit.
  std::optional<uint64_t> quota_bytes{}, quota_messages{};
  SystemTime created{};
  bool shared = false;  // nobody's own: others see its mailboxes as shared ones
};

struct Domain {
  std::string name;
  std::string catch_all;                                    // address, or "" for none
  std::optional<uint64_t> quota_bytes{}, quota_messages{};  // defaults of its accounts
  std::optional<uint64_t> total_bytes{}, total_messages{};  // of all its accounts together
  std::string
      store_format{};  // how accounts made from now on keep their letters; "": as the configuration says
};

struct Alias {
  std::string address;
  std::vector<std::string> targets;  // addresses, local or not
};

// What an envelope recipient means here.
struct Resolution {
  enum Kind {
    remote,   // not a domain of ours
    unknown,  // our domain, no such user
    known,
  } kind = unknown;
  struct LocalTarget {
    AccountId account = 0;
    std::string detail;  // subaddress: "tag" of user+tag@
    // As postmaster, whose mail has to be taken (RFC 5321 section 4.5.1): also past the account's quota.
    bool as_postmaster = false;
  };
  std::vector<LocalTarget> local;           // each account once
  std::vector<std::string> remote_targets;  // of aliases
};

// What delivery needs to know of an account.
struct Standing {
  bool enabled = false;
  std::optional<uint64_t> quota_bytes{}, quota_messages{};  // the account's, else its domain's; nothing:
                                                            // neither says
  std::string domain{};
  std::optional<uint64_t> total_bytes{}, total_messages{};  // of the domain
};

struct Login {
  std::string name;  // address, or local part when there is one domain
  Secret password;
  IpAddress peer;
  std::string protocol;  // "submission", "imap", ...
};

struct Authenticated {
  AccountId id = 0;
  std::string address;
  uint32_t app_password = 0;        // its id within the account; 0: the account's own password
  std::string app_password_name{};  // for logs
};

// A password beside the account's own, for one device or program.
struct AppPassword {
  uint32_t id = 0;                       // within the account; never used again
  std::string name;                      // unique within the account
  std::vector<std::string> protocols{};  // "imap", "pop3", "submission", "jmap", "managesieve"; empty: all
  SystemTime created{};
  std::optional<SystemTime> expires{};
  std::optional<uint32_t> last_used_day{};  // days since 1970, UTC
};

struct NewAppPassword {
  AppPassword made;
  Secret password;  // to be shown once: it is kept nowhere
};

// The keys of SCRAM-SHA-256 (RFC 5802 section 3), stored beside the Argon2id hash.
struct ScramKeys {
  uint32_t iterations = 0;
  std::string salt, stored_key, server_key;  // raw bytes
  std::optional<AccountId> account;  // nothing: no such user; the keys are made up but stay the same, so
                                     // that a stranger can't find out who exists
  // Of app passwords, for the same salt and iterations.
  struct AppKeys {
    uint32_t id = 0;
    std::string name, stored_key, server_key;
    bool allowed = false;  // for the protocol, and not over
  };
  std::vector<AppKeys> app_passwords{};
};

struct Options {
  // Completes login names and "postmaster" without a domain. "": the only domain, if there is just one.
  std::string default_domain;
};

// Thread-safe; tasks come back on their caller's executor. Faults: not_found, exists, syntax (address),
// policy (disabled account, throttled login), io.
class Directory {
 public:
  // `pool` verifies passwords (Argon2id takes tens of milliseconds and 19 MiB each).
  Directory(engine::Engine& engine, const Clock& clock, Random& random, Pool& pool, Options options = {});
  ~Directory();

  // ---- questions
  // Follows aliases (10 levels, 1,000 targets; `permanent` beyond), subaddress, catch-all; postmaster@ each
  // of our domains always resolves: to its alias if that leads to somebody, else an admin account.
  // "postmaster" without a domain is the default domain's. Disabled accounts resolve: what that means is
  // delivery's to say. What can't be an address is `unknown`. An answer comes from memory when it was asked
  // before and nothing changed in the directory since.
  Task<Result<Resolution>> resolve(std::string address);
  Task<Result<bool>> is_local_domain(std::string domain);
  Task<Result<Account>> account(AccountId id);
  Task<Result<Account>> account(std::string address);
  Task<Result<Standing>> standing(AccountId id);  // from memory as resolve()
  // The account's own address, or an alias that (through local aliases) leads to it alone or among others;
  // the null reverse-path never. A subaddress of those counts too.
  Task<Result<bool>> may_send_as(AccountId account, std::string address);

  // ---- logins. Off the loop, constant effort whether or not the user exists; failures slow down the next
  // tries of the same account and the same network (policy fault "throttled" at once when too many).
  // A password is the account's own or one of its app passwords that is for the login's protocol.
  Task<Result<Authenticated>> authenticate(Login login);
  Task<Result<ScramKeys>> scram_keys(std::string name, std::string protocol);
  // An account whose login somebody else vouches for (a token). `policy` when there is none or it is
  // disabled. Counts nothing: check_throttle() and report_login() are the caller's.
  Task<Result<Authenticated>> vouched(std::string name);
  // SCRAM ends outside: tell how it went, so that failures count. False for a success that does not stand:
  // since its check_throttle() others have failed so often that it would not be allowed any more.
  bool report_login(const std::string& name, const IpAddress& peer, bool success);
  // Whether a try is allowed now; the fault says how long to wait. Once for each try: a slowed-down account
  // or network has one try in each waiting time, and this takes it. authenticate() does it by itself.
  Result<void> check_throttle(const std::string& name, const IpAddress& peer);
  // An app password was used today: noted once a day, with the next flush that others need. authenticate()
  // does it by itself; SCRAM ends outside.
  Task<void> note_use(AccountId id, uint32_t app_password);
  // Whether it is still there: false after remove_app_password().
  Task<Result<bool>> has_app_password(AccountId id, uint32_t app_password);

  // ---- administration
  Task<Result<void>> add_domain(Domain domain);
  Task<Result<void>> update_domain(Domain domain);     // all but the name of the one with it
  Task<Result<void>> remove_domain(std::string name);  // policy fault while it has accounts or aliases
  Task<Result<std::vector<Domain>>> domains();
  Task<Result<Account>> add_account(Account account, Secret password);  // id is chosen here
  Task<Result<void>> update_account(Account account);
  Task<Result<void>> set_password(AccountId id, Secret password);
  // Takes over a hash made elsewhere: crypt(3) ($y$, $2b$, $6$, $5$, $1$; bare or after {CRYPT} and the like)
  // or Argon2id. It becomes ours, with SCRAM keys, at the first good login. `syntax` for what can't be
  // verified.
  Task<Result<void>> set_password_hash(AccountId id, Secret hash);
  // Makes one: `wanted` gives name, protocols ("smtp" is taken for "submission") and expiry. Faults: syntax
  // (name, protocols), exists, policy (too many), temporary (the password was changed at the same moment).
  Task<Result<NewAppPassword>> add_app_password(AccountId id, AppPassword wanted);
  Task<Result<std::vector<AppPassword>>> app_passwords(AccountId id);
  // No login by it succeeds that begins after this returned. Gives what is gone; sessions that came by it are
  // the caller's to end.
  Task<Result<AppPassword>> remove_app_password(AccountId id, std::string name);
  // All of an account as they are stored, for a restore; "" for none. Set only where there are none.
  Task<Result<std::string>> app_passwords_record(AccountId id);
  Task<Result<void>> set_app_passwords_record(AccountId id, std::string record);
  Task<Result<void>> remove_account(AccountId id);
  Task<Result<std::vector<Account>>> accounts(std::string domain);  // "" for all
  Task<Result<void>> set_alias(Alias alias);
  Task<Result<void>> remove_alias(std::string address);
  Task<Result<std::vector<Alias>>> aliases(std::string domain);

  // ---- care, after damage
  // What contradicts itself or is missing, a sentence each; accounts without a password, too.
  Task<Result<std::vector<std::string>>> check();
  // Makes anew what other rows still tell: addresses and domains of accounts, accounts (without a password)
  // of addresses. Says what was done. Fails with corrupt when rows can't be read.
  Task<Result<std::vector<std::string>>> repair();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace posthouse::directory
