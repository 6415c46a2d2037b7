// Passwords at rest: Argon2id of our own, crypt(3) taken over from elsewhere, and the keys of SCRAM-SHA-256.
// Everything here blocks for milliseconds: run it on a Pool.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"
#include "directory/records.h"

namespace posthouse::directory {

// What SCRAM shows a client before it proves anything (RFC 5802 section 5.1).
struct ScramSalt {
  uint32_t iterations = 0;
  std::string salt;
  bool operator==(const ScramSalt&) const = default;
};

// Hash and SCRAM keys of a new password. `syntax` when it is empty or over kMaxPassword. `scram`: what the
// keys are made with, where other keys of the account depend on it; nothing: fresh ones.
Result<Credential> make_credential(Random& random, const Secret& password,
                                   const std::optional<ScramSalt>& scram = std::nullopt);

std::string random_bytes(Random& random, size_t length);

// Whether `password` is the one behind `hash` (an encoded Argon2id or crypt(3) string), as it is or prepared
// (RFC 4013), as it was when the hash was made here. False as well for a
// hash that can't be read or would cost more than the limits of an imported one allow.
bool verify_password(const std::string& hash, const Secret& password);

// The hash without its scheme prefix ("{CRYPT}", "{SHA512-CRYPT}", ...). `syntax` if verify_password() could
// never say yes to it.
Result<std::string> importable_hash(std::string_view text);

// Whether the hash is as make_credential() would make it today; else it should be made anew when the password
// is known.
bool is_current(std::string_view hash);

// StoredKey and ServerKey of RFC 5802 section 3 with SHA-256 (RFC 7677).
Result<void> derive_scram_keys(Credential& credential, const Secret& password);

// HMAC-SHA-256, 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

}  // namespace posthouse::directory
