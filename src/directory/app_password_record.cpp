#include "directory/app_password_record.h"

#include <algorithm>

#include "base/ascii.h"
#include "directory/limits.h"
#include "engine/record.h"

namespace posthouse::directory {

namespace {
constexpr uint8_t kVersion = 1;

struct ProtocolWord {
  std::string_view word;
  uint32_t bit;
};
// The first word of a bit is its name in logs and lists.
constexpr ProtocolWord kProtocols[] = {
    {"imap", kImap}, {"pop3", kPop3},         {"submission", kSubmission},
    {"jmap", kJmap}, {"managesieve", kSieve}, {"smtp", kSubmission},
};

uint32_t bit_of(std::string_view word) {
  const auto* found = std::find_if(std::begin(kProtocols), std::end(kProtocols),
                                   [&](const auto& p) { return p.word == word; });
  return found != std::end(kProtocols) ? found->bit : 0;
}

std::string numbered(char kind, AccountId id) {
  std::string key(1, kind);
  engine::append_key_u64(key, id);
  return key;
}

uint64_t to_number(SystemTime time) {
  return static_cast<uint64_t>(time.time_since_epoch().count());
}
SystemTime to_time(uint64_t number) {
  return SystemTime(milliseconds(static_cast<int64_t>(number)));
}

AppSecret read_secret(engine::RecordReader& in) {
  AppSecret secret;
  secret.id = static_cast<uint32_t>(in.varint());
  secret.name = in.bytes();
  secret.protocols = static_cast<uint32_t>(in.varint());
  secret.created = to_time(in.varint());
  const uint64_t expires = in.varint();
  if (expires != 0) secret.expires = to_time(expires);
  secret.salt = in.bytes();
  secret.mac = in.bytes();
  secret.stored_key = in.bytes();
  secret.server_key = in.bytes();
  return secret;
}
}  // namespace

bool AppSecret::allows(std::string_view protocol) const {
  return protocols == 0 || (protocols & bit_of(protocol)) != 0;
}

const AppSecret* AppPasswords::find(const Secret& password) const {
  if (password.reveal().size() != kAppPasswordLength) return nullptr;  // no secret: all have it
  const AppSecret* found = nullptr;
  for (const AppSecret& secret : secrets) {
    if (constant_time_equal(hmac_sha256(secret.salt, password.reveal()), secret.mac)) found = &secret;
  }
  return found;
}

const AppSecret* AppPasswords::find(std::string_view name) const {
  for (const AppSecret& secret : secrets) {
    if (secret.name == name) return &secret;
  }
  return nullptr;
}

std::string app_passwords_row(AccountId id) {
  return numbered('p', id);
}
std::string last_uses_row(AccountId id) {
  return numbered('u', id);
}

std::string encode(const AppPasswords& passwords) {
  engine::RecordWriter out(kVersion);
  out.varint(passwords.next_id).varint(passwords.scram.iterations).bytes(passwords.scram.salt);
  out.varint(passwords.secrets.size());
  for (const AppSecret& secret : passwords.secrets) {
    out.varint(secret.id).bytes(secret.name).varint(secret.protocols).varint(to_number(secret.created));
    out.varint(secret.expires ? to_number(*secret.expires) : 0);
    out.bytes(secret.salt).bytes(secret.mac).bytes(secret.stored_key).bytes(secret.server_key);
  }
  return out.finish();
}

Result<AppPasswords> decode_app_passwords(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  AppPasswords passwords;
  const uint64_t next = in.varint();
  const uint64_t iterations = in.varint();
  passwords.scram.salt = in.bytes();
  const uint64_t count = in.varint();
  if (next > UINT32_MAX || iterations > UINT32_MAX || count > kMaxAppPasswords) {
    return fail(FaultKind::corrupt, "app passwords record: a number is too large");
  }
  passwords.next_id = static_cast<uint32_t>(next);
  passwords.scram.iterations = static_cast<uint32_t>(iterations);
  for (uint64_t i = 0; i < count && in.ok(); ++i) passwords.secrets.push_back(read_secret(in));
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("app passwords record"));
  return passwords;
}

std::string encode(const LastUses& uses) {
  engine::RecordWriter out(kVersion);
  out.varint(uses.size());
  for (const auto& [id, day] : uses) out.varint(id).varint(day);
  return out.finish();
}

Result<LastUses> decode_last_uses(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  LastUses uses;
  const uint64_t count = in.varint();
  if (count > kMaxAppPasswords) return fail(FaultKind::corrupt, "last uses record: too many");
  for (uint64_t i = 0; i < count && in.ok(); ++i) {
    const auto id = static_cast<uint32_t>(in.varint());
    uses[id] = static_cast<uint32_t>(in.varint());
  }
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("last uses record"));
  return uses;
}

Result<uint32_t> protocol_bits(const std::vector<std::string>& words) {
  uint32_t bits = 0;
  for (const std::string& word : words) {
    const uint32_t bit = bit_of(to_lower(word));
    if (bit == 0) {
      return fail(FaultKind::syntax,
                  fmt::format("unknown protocol '{}': expected imap, pop3, smtp, jmap or managesieve", word));
    }
    bits |= bit;
  }
  return bits;
}

std::vector<std::string> protocol_words(uint32_t bits) {
  std::vector<std::string> words;
  for (const ProtocolWord& known : kProtocols) {
    if ((bits & known.bit) != 0) words.emplace_back(known.word);
    bits &= ~known.bit;
  }
  return words;
}

Result<void> fill_secret(AppSecret& secret, Random& random, const ScramSalt& scram, const Secret& password) {
  secret.salt = random_bytes(random, kAppSalt);
  secret.mac = hmac_sha256(secret.salt, password.reveal());
  Credential keys;
  keys.iterations = scram.iterations;
  keys.salt = scram.salt;
  Result<void> derived = derive_scram_keys(keys, password);
  if (!derived) return derived;
  secret.stored_key = keys.stored_key;
  secret.server_key = keys.server_key;
  return {};
}

AppPassword describe(const AppSecret& secret, const LastUses& uses) {
  AppPassword out;
  out.id = secret.id;
  out.name = secret.name;
  out.protocols = protocol_words(secret.protocols);
  out.created = secret.created;
  out.expires = secret.expires;
  if (const auto used = uses.find(secret.id); used != uses.end()) out.last_used_day = used->second;
  return out;
}

}  // namespace posthouse::directory
