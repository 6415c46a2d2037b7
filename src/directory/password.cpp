#include "directory/password.h"

#include <argon2.h>
#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/ascii.h"
#include "directory/limits.h"
#include "wire/sasl/prepared.h"

namespace posthouse::directory {

namespace {

constexpr std::string_view kArgonPrefix = "$argon2id$";
constexpr size_t kSha256 = 32;

// The number after `name` in "m=19456,t=2,p=1".
std::optional<uint64_t> parameter(std::string_view list, std::string_view name) {
  for (std::string_view field : split(list, ',')) {
    if (field.starts_with(name)) return parse_uint(field.substr(name.size()));
  }
  return std::nullopt;
}

// $argon2id$v=19$m=19456,t=2,p=1$salt$hash
bool affordable_argon(std::string_view hash) {
  auto fields = split(hash, '$');
  if (fields.size() != 6 || fields[2] != "v=19") return false;
  auto memory = parameter(fields[3], "m=");
  auto passes = parameter(fields[3], "t=");
  auto lanes = parameter(fields[3], "p=");
  return memory && passes && lanes && *memory <= kMaxImportedArgonMemoryKiB &&
         *passes <= kMaxImportedArgonPasses && *lanes >= 1 && *lanes <= kMaxImportedArgonLanes;
}

// $6$rounds=5000$salt$hash, the rounds may be missing
bool affordable_sha(std::string_view rest) {
  constexpr std::string_view kRounds = "rounds=";
  if (!rest.starts_with(kRounds)) return true;
  rest.remove_prefix(kRounds.size());
  auto rounds = parse_uint(rest.substr(0, rest.find('$')));
  return rounds && *rounds <= kMaxImportedShaRounds;
}

// $y$j9T$salt$hash: flags "j", then one digit for the memory (9: 16 MiB; each further one doubles), then the
// block size. Only the common shape, up to 128 MiB.
bool affordable_yescrypt(std::string_view rest) {
  std::string_view setting = rest.substr(0, rest.find('$'));
  constexpr std::string_view kMemory = "./0123456789ABC";
  return setting.size() == 3 && setting[0] == 'j' && kMemory.find(setting[1]) != std::string_view::npos &&
         (setting[2] == 'T' || setting[2] == '5');
}

bool affordable_crypt(std::string_view hash) {
  if (hash.starts_with("$y$")) return affordable_yescrypt(hash.substr(3));
  if (hash.starts_with("$6$") || hash.starts_with("$5$")) return affordable_sha(hash.substr(3));
  if (hash.starts_with("$2a$") || hash.starts_with("$2b$") || hash.starts_with("$2y$")) {
    auto cost = parse_uint(hash.substr(4, 2));
    return cost && *cost <= kMaxImportedBcryptCost;
  }
  if (hash.starts_with("$1$")) return true;
  return hash.size() == 13 && hash[0] != '$';  // the traditional DES form
}

bool verify_crypt(const std::string& hash, const Secret& password) {
  if (!affordable_crypt(hash)) return false;
  // crypt(3) takes C strings: what follows a NUL would not count.
  if (password.reveal().find('\0') != std::string_view::npos) return false;
  auto data = std::make_unique<crypt_data>();
  std::memset(data.get(), 0, sizeof(crypt_data));
  std::string phrase(password.reveal());
  const char* made = crypt_r(phrase.c_str(), hash.c_str(), data.get());
  bool same = made != nullptr && made[0] != '*' && constant_time_equal(made, hash);
  OPENSSL_cleanse(phrase.data(), phrase.size());
  OPENSSL_cleanse(data.get(), sizeof(crypt_data));
  return same;
}

}  // namespace

std::string random_bytes(Random& random, size_t length) {
  std::string bytes(length, '\0');
  random.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
  return bytes;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string mac(kSha256, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(data.data()), data.size(),
       reinterpret_cast<unsigned char*>(mac.data()), &length);
  return mac;
}

Result<void> derive_scram_keys(Credential& credential, const Secret& password) {
  std::string salted(kSha256, '\0');
  // RFC 5802 section 2.2: Normalize(password), as the client will.
  const Secret prepared = wire::sasl::prepared_password(password);
  std::string_view phrase = prepared.reveal();
  int done =
      PKCS5_PBKDF2_HMAC(phrase.data(), static_cast<int>(phrase.size()),
                        reinterpret_cast<const unsigned char*>(credential.salt.data()),
                        static_cast<int>(credential.salt.size()), static_cast<int>(credential.iterations),
                        EVP_sha256(), kSha256, reinterpret_cast<unsigned char*>(salted.data()));
  if (done != 1) return fail(FaultKind::permanent, "PBKDF2 failed");
  std::string client_key = hmac_sha256(salted, "Client Key");
  credential.server_key = hmac_sha256(salted, "Server Key");
  credential.stored_key.assign(kSha256, '\0');
  unsigned length = 0;
  EVP_Digest(client_key.data(), client_key.size(),
             reinterpret_cast<unsigned char*>(credential.stored_key.data()), &length, EVP_sha256(), nullptr);
  OPENSSL_cleanse(client_key.data(), client_key.size());
  OPENSSL_cleanse(salted.data(), salted.size());
  return {};
}

Result<Credential> make_credential(Random& random, const Secret& password,
                                   const std::optional<ScramSalt>& scram) {
  // The form in which every mechanism takes it (RFC 4616 section 2).
  const Secret prepared = wire::sasl::prepared_password(password);
  std::string_view phrase = prepared.reveal();
  if (phrase.empty()) return fail(FaultKind::syntax, "an empty password is not allowed");
  if (phrase.size() > kMaxPassword) {
    return fail(FaultKind::syntax, fmt::format("a password has at most {} octets", kMaxPassword));
  }
  Credential credential;
  std::string salt = random_bytes(random, kArgonSalt);
  std::string encoded(
      argon2_encodedlen(kArgonPasses, kArgonMemoryKiB, kArgonLanes, kArgonSalt, kArgonHash, Argon2_id), '\0');
  int rc = argon2id_hash_encoded(kArgonPasses, kArgonMemoryKiB, kArgonLanes, phrase.data(), phrase.size(),
                                 salt.data(), salt.size(), kArgonHash, encoded.data(), encoded.size());
  if (rc != ARGON2_OK) return fail(FaultKind::temporary, fmt::format("Argon2: {}", argon2_error_message(rc)));
  credential.hash = encoded.c_str();  // without the NUL at its end
  credential.iterations = scram ? scram->iterations : kScramIterations;
  credential.salt = scram ? scram->salt : random_bytes(random, kScramSalt);
  Result<void> derived = derive_scram_keys(credential, password);
  if (!derived) return std::unexpected(derived.error());
  return credential;
}

namespace {
bool verify_as_it_is(const std::string& hash, const Secret& password) {
  std::string_view phrase = password.reveal();
  if (phrase.size() > kMaxPassword) return false;
  if (!hash.starts_with(kArgonPrefix)) return verify_crypt(hash, password);
  return affordable_argon(hash) && argon2id_verify(hash.c_str(), phrase.data(), phrase.size()) == ARGON2_OK;
}
}  // namespace

bool verify_password(const std::string& hash, const Secret& password) {
  if (hash.empty() || hash.size() > kMaxHash || hash.find('\0') != std::string::npos) return false;
  if (verify_as_it_is(hash, password)) return true;  // also hashes from elsewhere, and from before
  const Secret prepared = wire::sasl::prepared_password(password);
  return prepared.reveal() != password.reveal() && verify_as_it_is(hash, prepared);
}

Result<std::string> importable_hash(std::string_view text) {
  text = trim(text);
  if (text.starts_with('{')) {
    size_t end = text.find('}');
    std::string scheme = to_upper(text.substr(0, end == std::string_view::npos ? 0 : end + 1));
    constexpr std::array<std::string_view, 7> kSchemes = {"{CRYPT}",     "{SHA512-CRYPT}", "{SHA256-CRYPT}",
                                                          "{BLF-CRYPT}", "{MD5-CRYPT}",    "{DES-CRYPT}",
                                                          "{ARGON2ID}"};
    if (std::find(kSchemes.begin(), kSchemes.end(), scheme) == kSchemes.end()) {
      return fail(FaultKind::syntax, "unknown password scheme; known are crypt(3) and Argon2id");
    }
    text.remove_prefix(end + 1);
  } else if (!text.starts_with('$')) {
    return fail(FaultKind::syntax, "not a password hash: it begins with neither $ nor {CRYPT}");
  }
  bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
  bool good = !text.empty() && text.size() <= kMaxHash && printable &&
              (text.starts_with(kArgonPrefix) ? affordable_argon(text) : affordable_crypt(text));
  if (!good)
    return fail(FaultKind::syntax, "this password hash can't be verified here, or would cost too much");
  return std::string(text);
}

bool is_current(std::string_view hash) {
  return hash.starts_with(
      fmt::format("$argon2id$v=19$m={},t={},p={}$", kArgonMemoryKiB, kArgonPasses, kArgonLanes));
}

}  // namespace posthouse::directory
