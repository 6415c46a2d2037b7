// App passwords as rows, and which of them a password is. Two rows of the directory's partition each account:
//
//   "p" account id -> AppPasswords  all of its app passwords
//   "u" account id -> LastUses      when each was used last; apart, so that a login rewrites no secrets
//
// A decoder takes any bytes: what is damaged or unknown is `corrupt`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "directory/directory.h"
#include "directory/password.h"

namespace posthouse::directory {

// What they are for, as bits of AppSecret::protocols.
enum AppProtocol : uint32_t { kImap = 1, kPop3 = 2, kSubmission = 4, kJmap = 8, kSieve = 16 };

// One of an account. They are random and long, so a fast salted hash is enough: there is nothing to guess.
struct AppSecret {
  uint32_t id = 0;  // within the account, never used again
  std::string name;
  uint32_t protocols = 0;  // bits of AppProtocol; 0: all
  SystemTime created{};
  std::optional<SystemTime> expires;
  std::string salt, mac;               // HMAC-SHA-256 under the salt
  std::string stored_key, server_key;  // of SCRAM-SHA-256, with the salt and iterations of AppPasswords

  bool allows(std::string_view protocol) const;
  bool is_over(SystemTime now) const { return expires && *expires <= now; }
};

struct AppPasswords {
  uint32_t next_id = 1;
  ScramSalt scram;  // one for all and for the account's own password: the server names it before it knows
                    // which of them the client has
  std::vector<AppSecret> secrets;

  // The one that `password` is; nullptr if it is none.
  const AppSecret* find(const Secret& password) const;
  const AppSecret* find(std::string_view name) const;
};

using LastUses = std::map<uint32_t, uint32_t>;  // id -> day, since 1970, UTC

std::string app_passwords_row(AccountId id);
std::string last_uses_row(AccountId id);

std::string encode(const AppPasswords& passwords);
std::string encode(const LastUses& uses);
Result<AppPasswords> decode_app_passwords(std::string_view record);
Result<LastUses> decode_last_uses(std::string_view record);

// Words for operators: "imap", "pop3", "submission", ... ("smtp" is taken for submission). `syntax` for
// others.
Result<uint32_t> protocol_bits(const std::vector<std::string>& words);
std::vector<std::string> protocol_words(uint32_t bits);

// Hash and SCRAM keys of `password` into `secret`. Blocks for milliseconds: run it on a Pool.
Result<void> fill_secret(AppSecret& secret, Random& random, const ScramSalt& scram, const Secret& password);

AppPassword describe(const AppSecret& secret, const LastUses& uses);

}  // namespace posthouse::directory
