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
  co_return identity;
}

Task<Result<wire::sasl::ScramCredential>> DirectoryAuthenticator::scram_credential(std::string name,
                                                                                   IpAddress peer) {
  auto allowed = directory_.check_throttle(name, peer);
  if (!allowed) co_return std::unexpected(allowed.error());
  auto keys = co_await directory_.scram_keys(name);
  if (!keys) co_return std::unexpected(keys.error());
  wire::sasl::ScramCredential out;
  out.iterations = keys->iterations;
  out.salt = keys->salt;
  out.stored_key = keys->stored_key;
  out.server_key = keys->server_key;
  out.account = keys->account;
  out.address = name;
  if (keys->account) {
    auto account = co_await directory_.account(*keys->account);
    if (!account) co_return std::unexpected(account.error());
    out.address = account->address;
  }
  co_return out;
}

bool DirectoryAuthenticator::report(std::string name, IpAddress peer, bool success) {
  return directory_.report_login(name, peer, success);
}

Task<Result<store::Quota>> DirectoryQuotas::quota_of(uint64_t account) {
  auto standing = co_await directory_.standing(account);
  if (!standing) co_return std::unexpected(standing.error());
  co_return delivery::quota_of(*standing, options_);
}

}  // namespace posthouse::app
