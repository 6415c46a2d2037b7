// The directory's inside: lookups that its parts (resolve, login, administration) share. Not for other rooms.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/metrics.h"
#include "directory/answer_cache.h"
#include "directory/app_password_record.h"
#include "directory/directory.h"
#include "directory/limits.h"
#include "directory/login_gate.h"
#include "directory/records.h"
#include "directory/throttle.h"
#include "directory/verified_passwords.h"

namespace posthouse::directory {

// The row decoded, nothing if it isn't there. `rows`: a Transaction.
template <class Value>
Result<std::optional<Value>> load(const engine::Transaction& rows, const std::string& key,
                                  Result<Value> (*decode)(std::string_view)) {
  Result<std::optional<std::string>> row = rows.get(key);
  if (!row) return std::unexpected(row.error());
  if (!row->has_value()) return std::optional<Value>();
  Result<Value> value = decode(**row);
  if (!value) return std::unexpected(value.error());
  return std::optional<Value>(std::move(*value));
}

// Splits at the last @; the domain is "" without one.
std::string_view domain_part(std::string_view address);
std::string_view local_part(std::string_view address);

// `temporary` if the account has app passwords that were made with another salt: then new keys don't fit.
Result<void> check_scram_salt(const engine::Transaction& rows, AccountId id, const ScramSalt& scram);

struct Directory::Impl {
  Impl(engine::Engine& engine, const Clock& clock, Random& random, Pool& pool, Options options);

  // Every answer that was remembered; the directory has changed.
  void forget();

  // ---- rows, without blocking
  template <class Value>
  Task<Result<std::optional<Value>>> fetch(std::string key, Result<Value> (*decode)(std::string_view)) {
    Result<std::optional<std::string>> row = co_await engine.fetch(kPartition, std::move(key));
    if (!row) co_return std::unexpected(row.error());
    if (!row->has_value()) co_return std::optional<Value>();
    Result<Value> value = decode(**row);
    if (!value) co_return std::unexpected(value.error());
    co_return std::optional<Value>(std::move(*value));
  }
  // One transaction on the directory; what was remembered is forgotten after it.
  Task<Result<void>> change(std::function<Result<void>(engine::Transaction&)> apply);
  // "" if there is none.
  Task<Result<std::string>> default_domain();
  // The same for callers that can't await: reads at most two rows, once after each change of the directory.
  std::string default_domain_now();

  // ---- resolution
  // Follows `address` (normalised, with a domain) to accounts and remote addresses. `fallbacks`: catch-all
  // and postmaster's admin count as well.
  Task<Result<Resolution>> expand(std::string address, bool fallbacks);
  // Who reads postmaster's mail of a domain without such an alias; 0 if there are no accounts at all.
  Task<Result<AccountId>> postmaster_of(std::string domain);

  // ---- logins
  // An account that a login name means, with its credentials; null if there is none.
  struct Candidate {
    Account account;
    std::string credential_record;
    Credential credential;
    AppPasswords app_passwords;
  };
  using CandidatePtr = std::shared_ptr<const Candidate>;
  Task<Result<CandidatePtr>> candidate(std::string name);
  Task<Result<CandidatePtr>> look_up_candidate(std::string name);
  // Whether the password was verified a short while ago.
  bool remembers(const CandidatePtr& candidate, const Secret& password);
  // Whether the password is the candidate's, if there is one; the same work without one.
  Task<Result<bool>> verify(std::optional<std::string> hash, Secret password);
  // A login ended so, under that name (counted_name()). False: it does not stand.
  bool report(const std::string& counted, const IpAddress& peer, bool success);
  Result<void> check_throttle(const std::string& counted, const IpAddress& peer);
  // The name under which a login's failures count: normalised if it can be.
  std::string counted_name(const std::string& name);
  Task<Result<std::string>> server_secret();
  // What SCRAM keys of the account have to be made with; nothing: whatever one likes.
  Task<Result<std::optional<ScramSalt>>> scram_salt(AccountId id);
  // Notes it; false: that was so already.
  bool first_use_today(AccountId id, uint32_t app_password, uint32_t today);
  // Replaces an imported or outdated hash now that the password is known, unless it was changed meanwhile.
  Task<void> renew_credential(AccountId id, std::string old_record, Secret password);

  engine::Engine& engine;
  const Clock& clock;
  Random& random;
  Pool& pool;
  Options options;
  Throttle throttle;
  LoginGate gate;
  VerifiedPasswords verified;
  AnswerCache<std::string, Resolution> resolutions{kResolveCache};
  AnswerCache<std::string, std::string> refusals{kResolveCache};  // addresses that lead to too much, and why
  AnswerCache<AccountId, Standing> standings{kResolveCache};
  AnswerCache<AccountId, Account> accounts{kResolveCache};
  AnswerCache<std::string, CandidatePtr> login_candidates{kResolveCache};  // of names that are accounts'
  AnswerCache<std::string, bool> senders{kResolveCache};                   // "ID ADDRESS": may_send_as()
  AnswerCache<int, std::string> defaults{1};
  std::mutex used_mutex;                                   // guards used_on
  LruMap<std::string, uint32_t> used_on{kUsesRemembered};  // "ACCOUNT ID" -> day
  std::mutex secret_mutex;
  Secret secret;  // behind made-up SCRAM keys; "" until it is read
  metrics::Counter logins_good, logins_bad, logins_throttled, verifications;
  std::unique_ptr<engine::Watch> watch;  // last, so that it ends before what it clears
};

}  // namespace posthouse::directory
