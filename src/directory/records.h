// The directory's rows. All lie in one partition; what each key looks like and what its value holds:
//
//   "d" domain                -> DomainRecord
//   "n" domain NUL local part -> NameRecord        what an address is: an account or an alias
//   "a" account id            -> AccountRecord
//   "c" account id            -> CredentialRecord  kept apart, so that reading an account shows no secrets
//   "m" account id            -> (empty record)    the admins, for postmaster
//   "i"                       -> the next account id
//   "s"                       -> the secret behind made-up SCRAM keys
//
// A decoder takes any bytes: what is damaged or unknown is `corrupt`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "directory/directory.h"
#include "engine/engine.h"

namespace posthouse::directory {

constexpr engine::Partition kPartition{engine::PartitionKind::directory, 0};

struct NameRecord {
  AccountId account = 0;             // 0: an alias
  std::vector<std::string> targets;  // of the alias
};

struct Credential {
  std::string hash;         // encoded Argon2id, or imported crypt(3)
  uint32_t iterations = 0;  // 0: no SCRAM keys (imported hash)
  std::string salt, stored_key, server_key;
};

std::string domain_row(std::string_view domain);
// `address`: normalised, with a domain.
std::string name_row(std::string_view address);
std::string names_of(std::string_view domain);  // the prefix of all names of a domain
std::string account_row(AccountId id);
std::string credential_row(AccountId id);
std::string admin_row(AccountId id);
constexpr std::string_view kNextIdRow = "i";
constexpr std::string_view kSecretRow = "s";

// The first key after all that begin with `prefix` (which must not be all 0xFF).
std::string after(std::string prefix);

// The address a name row's key stands for.
std::string address_of(std::string_view name_key);

std::string encode(const Domain& domain);
std::string encode(const NameRecord& name);
std::string encode(const Account& account);
std::string encode(const Credential& credential);
std::string encode_number(uint64_t number);
std::string encode_secret(std::string_view secret);

Result<Domain> decode_domain(std::string_view record);
Result<NameRecord> decode_name(std::string_view record);
Result<Account> decode_account(std::string_view record);
Result<Credential> decode_credential(std::string_view record);
Result<uint64_t> decode_number(std::string_view record);
Result<std::string> decode_secret(std::string_view record);

}  // namespace posthouse::directory
