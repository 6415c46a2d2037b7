// Remembers for some minutes which password was good for which account, so that a client that logs in again
// and again doesn't cost Argon2id each time. Keeps no password: only a keyed hash, under a key that lives as
// long as the process, over the password and the account's credential record. A changed password is thus
// forgotten at once, whoever changed it.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "directory/directory.h"
#include "directory/lru_map.h"

namespace posthouse::directory {

// Thread-safe.
class VerifiedPasswords {
 public:
  VerifiedPasswords(const Clock& clock, Random& random);

  bool contains(AccountId id, std::string_view credential_record, const Secret& password);
  void add(AccountId id, std::string_view credential_record, const Secret& password);
  void forget(AccountId id);

 private:
  struct Entry {
    std::string mac;
    SteadyTime until;
  };
  std::string mac(AccountId id, std::string_view credential_record, const Secret& password) const;

  const Clock& clock_;
  Secret key_;
  std::mutex mutex_;
  LruMap<AccountId, Entry> entries_;
};

}  // namespace posthouse::directory
