#include "directory/verified_passwords.h"

#include "directory/limits.h"
#include "directory/password.h"
#include "engine/record.h"

namespace posthouse::directory {

VerifiedPasswords::VerifiedPasswords(const Clock& clock, Random& random)
    : clock_(clock), entries_(kVerifiedCache) {
  std::string key(32, '\0');
  random.fill({reinterpret_cast<unsigned char*>(key.data()), key.size()});
  key_ = Secret(std::move(key));
}

std::string VerifiedPasswords::mac(AccountId id, std::string_view credential_record,
                                   const Secret& password) const {
  // Two steps, so that the password is never copied into a buffer beside other data.
  std::string account_key;
  engine::append_key_u64(account_key, id);
  account_key.append(credential_record);
  return hmac_sha256(hmac_sha256(key_.reveal(), account_key), password.reveal());
}

bool VerifiedPasswords::contains(AccountId id, std::string_view credential_record, const Secret& password) {
  std::string expected = mac(id, credential_record, password);
  std::lock_guard lock(mutex_);
  Entry* entry = entries_.find(id);
  return entry != nullptr && clock_.steady() < entry->until && constant_time_equal(entry->mac, expected);
}

void VerifiedPasswords::add(AccountId id, std::string_view credential_record, const Secret& password) {
  Entry entry{mac(id, credential_record, password), clock_.steady() + kVerifiedFor};
  std::lock_guard lock(mutex_);
  entries_.put(id, std::move(entry));
}

void VerifiedPasswords::forget(AccountId id) {
  std::lock_guard lock(mutex_);
  entries_.erase(id);
}

}  // namespace posthouse::directory
