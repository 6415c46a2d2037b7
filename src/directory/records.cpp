#include "directory/records.h"

#include "directory/limits.h"
#include "engine/record.h"

namespace posthouse::directory {

namespace {
constexpr uint8_t kVersion = 1;        // of every record here but
constexpr uint8_t kDomainVersion = 3;  // since 2: quota_messages and the totals; since 3: store_format
constexpr uint8_t kDomainWithoutFormat = 2;
constexpr uint8_t kAccountVersion = 3;  // since 2: quota_messages; since 3: kShared, without which it is 2

enum AccountBit : uint8_t { kEnabled = 1, kAdmin = 2, kHasQuota = 4, kShared = 8 };

void append(engine::RecordWriter& out, const std::optional<uint64_t>& number) {
  out.u8(number.has_value()).varint(number.value_or(0));
}

std::optional<uint64_t> read_optional(engine::RecordReader& in) {
  const bool there = in.u8() != 0;
  const uint64_t number = in.varint();
  return there ? std::optional<uint64_t>(number) : std::nullopt;
}

std::string numbered(char kind, AccountId id) {
  std::string key(1, kind);
  engine::append_key_u64(key, id);
  return key;
}
}  // namespace

std::string domain_row(std::string_view domain) {
  return fmt::format("d{}", domain);
}

std::string names_of(std::string_view domain) {
  std::string key = fmt::format("n{}", domain);
  key.push_back('\0');
  return key;
}

std::string name_row(std::string_view address) {
  size_t at = address.rfind('@');
  if (at == std::string_view::npos) return names_of("").append(address);
  return names_of(address.substr(at + 1)).append(address.substr(0, at));
}

std::string account_row(AccountId id) {
  return numbered('a', id);
}
std::string credential_row(AccountId id) {
  return numbered('c', id);
}
std::string admin_row(AccountId id) {
  return numbered('m', id);
}

std::string after(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string address_of(std::string_view name_key) {
  size_t nul = name_key.find('\0');
  if (name_key.empty() || nul == std::string_view::npos) return {};
  return fmt::format("{}@{}", name_key.substr(nul + 1), name_key.substr(1, nul - 1));
}

std::string encode(const Domain& domain) {
  // What has nothing new is readable to the programs before.
  engine::RecordWriter out(domain.store_format.empty() ? kDomainWithoutFormat : kDomainVersion);
  out.bytes(domain.name).bytes(domain.catch_all);
  append(out, domain.quota_bytes);
  append(out, domain.quota_messages);
  append(out, domain.total_bytes);
  append(out, domain.total_messages);
  if (!domain.store_format.empty()) out.bytes(domain.store_format);
  return out.finish();
}

Result<Domain> decode_domain(std::string_view record) {
  engine::RecordReader in(record, kDomainVersion);
  Domain domain;
  domain.name = in.bytes();
  domain.catch_all = in.bytes();
  domain.quota_bytes = read_optional(in);
  if (in.version() >= 2) {
    domain.quota_messages = read_optional(in);
    domain.total_bytes = read_optional(in);
    domain.total_messages = read_optional(in);
  }
  if (in.version() >= 3) domain.store_format = in.bytes();
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("domain record"));
  return domain;
}

std::string encode(const NameRecord& name) {
  engine::RecordWriter out(kVersion);
  out.varint(name.account).varint(name.targets.size());
  for (const auto& target : name.targets) out.bytes(target);
  return out.finish();
}

Result<NameRecord> decode_name(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  NameRecord name;
  name.account = in.varint();
  uint64_t count = in.varint();
  if (count > kMaxTargets) return fail(FaultKind::corrupt, "address record: too many targets");
  for (uint64_t i = 0; i < count && in.ok(); ++i) name.targets.emplace_back(in.bytes());
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("address record"));
  return name;
}

std::string encode(const Account& account) {
  engine::RecordWriter out(account.shared ? kAccountVersion : kAccountVersion - 1);
  uint8_t bits = (account.enabled ? kEnabled : 0) | (account.admin ? kAdmin : 0) |
                 (account.quota_bytes ? kHasQuota : 0) | (account.shared ? kShared : 0);
  out.varint(account.id).bytes(account.address).bytes(account.display_name).u8(bits);
  out.varint(account.quota_bytes.value_or(0));
  out.varint(static_cast<uint64_t>(account.created.time_since_epoch().count()));
  append(out, account.quota_messages);
  return out.finish();
}

Result<Account> decode_account(std::string_view record) {
  engine::RecordReader in(record, kAccountVersion);
  Account account;
  account.id = in.varint();
  account.address = in.bytes();
  account.display_name = in.bytes();
  uint8_t bits = in.u8();
  account.enabled = (bits & kEnabled) != 0;
  account.admin = (bits & kAdmin) != 0;
  uint64_t quota = in.varint();
  if (bits & kHasQuota) account.quota_bytes = quota;
  account.created = SystemTime(milliseconds(static_cast<int64_t>(in.varint())));
  if (in.version() >= 2) account.quota_messages = read_optional(in);
  account.shared = in.version() >= 3 && (bits & kShared) != 0;
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("account record"));
  return account;
}

std::string encode(const Credential& credential) {
  engine::RecordWriter out(kVersion);
  out.bytes(credential.hash).varint(credential.iterations);
  out.bytes(credential.salt).bytes(credential.stored_key).bytes(credential.server_key);
  return out.finish();
}

Result<Credential> decode_credential(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  Credential credential;
  credential.hash = in.bytes();
  uint64_t iterations = in.varint();
  credential.salt = in.bytes();
  credential.stored_key = in.bytes();
  credential.server_key = in.bytes();
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("credential record"));
  if (iterations > UINT32_MAX) return fail(FaultKind::corrupt, "credential record: iterations");
  credential.iterations = static_cast<uint32_t>(iterations);
  return credential;
}

std::string encode_number(uint64_t number) {
  return engine::RecordWriter(kVersion).varint(number).finish();
}

Result<uint64_t> decode_number(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  uint64_t number = in.varint();
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("number record"));
  return number;
}

std::string encode_secret(std::string_view secret) {
  return engine::RecordWriter(kVersion).bytes(secret).finish();
}

Result<std::string> decode_secret(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  std::string secret(in.bytes());
  if (!in.ok() || !in.at_end()) return std::unexpected(in.fault("secret record"));
  return secret;
}

}  // namespace posthouse::directory
