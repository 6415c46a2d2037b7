#include "app/server/authenticator.h"

namespace posthouse::app {

Task<Result<wire::sasl::Identity>> DirectoryAuthenticator::verify_password(std::string name, Secret password,
                                                                           IpAddress peer,
                                                                           std::string protocol) {
  directory::Login login{std::move(name), std::move(password), peer, std::move(protocol)};
  auto known = co_await directory_.authenticate(std::move(login));
  if (!known) co_return std::unexpected(known.error());
  wire::sasl::Identity identity;
  identity.account = known->id;
  identity.address = known->address;
  identity.app_password = known->app_password;
  identity.app_password_name = known->app_password_name;
  co_return identity;
}

Task<Result<wire::sasl::ScramCredential>> DirectoryAuthenticator::scram_credential(std::string name,
                                                                                   IpAddress peer,
                                                                                   std::string protocol) {
  auto allowed = directory_.check_throttle(name, peer);
  if (!allowed) co_return std::unexpected(allowed.error());
  auto keys = co_await directory_.scram_keys(name, std::move(protocol));
  if (!keys) co_return std::unexpected(keys.error());
  wire::sasl::ScramCredential out;
  out.iterations = keys->iterations;
  out.salt = keys->salt;
  out.stored_key = keys->stored_key;
  out.server_key = keys->server_key;
  out.account = keys->account;
  for (directory::ScramKeys::AppKeys& app : keys->app_passwords) {
    out.app_passwords.push_back(
        {app.id, std::move(app.name), std::move(app.stored_key), std::move(app.server_key), app.allowed});
  }
  out.address = name;
  if (keys->account) {
    auto account = co_await directory_.account(*keys->account);
    if (!account) co_return std::unexpected(account.error());
    out.address = account->address;
  }
  co_return out;
}

Task<bool> DirectoryAuthenticator::report(std::string name, IpAddress peer,
                                          std::optional<wire::sasl::Identity> as) {
  const bool stands = directory_.report_login(name, peer, as.has_value());
  if (as && stands && as->app_password != 0) co_await directory_.note_use(as->account, as->app_password);
  co_return stands;
}

const wire::sasl::TokenOffer* DirectoryAuthenticator::tokens() const {
  return tokens_ != nullptr ? &tokens_->offer() : nullptr;
}

// Whom the token is for, which must be whom the client says it is, if it says so (RFC 7628 section 3.1).
Task<Result<wire::sasl::Identity>> DirectoryAuthenticator::identity_of(std::string name, Secret token) {
  auto user = co_await tokens_->user_of(std::move(token));
  if (!user) co_return std::unexpected(user.error());
  auto who = co_await directory_.vouched(std::move(*user));
  if (!who && who.error().kind == FaultKind::policy)
    co_return fail(FaultKind::policy, "token: its user has no account here");
  if (!who) co_return std::unexpected(who.error());
  if (!name.empty()) {
    auto said = co_await directory_.vouched(std::move(name));
    if (!said && said.error().kind != FaultKind::policy) co_return std::unexpected(said.error());
    if (!said || said->id != who->id) co_return fail(FaultKind::policy, "token: of another user");
  }
  wire::sasl::Identity identity;
  identity.account = who->id;
  identity.address = who->address;
  co_return identity;
}

Task<Result<wire::sasl::Identity>> DirectoryAuthenticator::verify_token(std::string name, Secret token,
                                                                        IpAddress peer, std::string) {
  // Who gives no name fails for himself alone.
  const std::string counted = name.empty() ? fmt::format("token from {}", peer.to_string()) : name;
  auto allowed = directory_.check_throttle(counted, peer);
  if (!allowed) co_return std::unexpected(allowed.error());
  auto identity = co_await identity_of(std::move(name), std::move(token));
  const bool refused = !identity && (identity.error().kind == FaultKind::policy ||
                                     identity.error().kind == FaultKind::permanent);
  if (!identity && !refused) co_return identity;  // nobody knows
  const bool stands = directory_.report_login(counted, peer, identity.has_value());
  if (identity && !stands)
    co_return fail(FaultKind::temporary, "throttled: too many failed logins meanwhile");
  co_return identity;
}

Task<bool> DirectoryAuthenticator::still_stands(wire::sasl::Identity who) {
  auto standing = co_await directory_.standing(who.account);
  if (!standing || !standing->enabled) co_return false;
  if (who.app_password == 0) co_return true;
  auto there = co_await directory_.has_app_password(who.account, who.app_password);
  co_return there.value_or(false);
}

Task<Result<store::Quota>> DirectoryQuotas::quota_of(uint64_t account) {
  auto standing = co_await directory_.standing(account);
  if (!standing) co_return std::unexpected(standing.error());
  co_return delivery::quota_of(*standing, options_);
}

Task<Result<access::imap::People::Person>> DirectoryPeople::person(uint64_t account) {
  auto found = co_await directory_.account(account);
  if (!found) co_return std::unexpected(found.error());
  co_return Person{found->id, found->address, found->shared};
}

Task<Result<access::imap::People::Person>> DirectoryPeople::person_at(std::string address) {
  auto found = co_await directory_.account(std::move(address));
  if (!found) co_return std::unexpected(found.error());
  co_return Person{found->id, found->address, found->shared};
}

}  // namespace posthouse::app
