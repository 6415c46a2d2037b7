#include "store/rights.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/record.h"
#include "store/limits.h"
#include "store/rows.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kRightsVersion = 1;
constexpr size_t kRowKey = 1 + 4 + 8;    // octets of the key of an "I" or "J" row
constexpr size_t kShareKey = 1 + 8 + 8;  // of an "H" row

std::string account_key(std::string_view prefix, AccountId account) {
  std::string key(prefix);
  engine::append_key_u64(key, account);
  return key;
}

Result<std::vector<std::string>> keys_in(const engine::Transaction& rows, const std::string& begin,
                                         const std::string& end) {
  std::vector<std::string> keys;
  const Result<void> scanned = rows.scan(begin, end, [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  });
  if (!scanned) return std::unexpected(scanned.error());
  return keys;
}

Result<bool> has_given(const engine::Transaction& rows, AccountId who) {
  bool any = false;
  const Result<void> scanned =
      rows.scan(given_begin(who), given_end(who), [&](std::string_view, std::string_view) {
        any = true;
        return false;
      });
  if (!scanned) return std::unexpected(scanned.error());
  return any;
}

Result<void> check_entries(const engine::Transaction& rows, MailboxId mailbox, AccountId who) {
  const Result<std::vector<std::string>> keys = keys_in(rows, rights_begin(mailbox), rights_end(mailbox));
  if (!keys) return std::unexpected(keys.error());
  size_t others = 0;
  for (const std::string& key : *keys) others += who_of_rights(key) == who ? 0 : 1;
  if (others >= kMaxRights) return fail(FaultKind::over_quota, "too many entries");
  return {};
}

void put_both(engine::Transaction& rows, MailboxId mailbox, AccountId who, std::string_view record) {
  rows.put(rights_key(mailbox, who), record);
  rows.put(given_key(who, mailbox), record);
}

Result<void> erase_both(engine::Transaction& rows, MailboxId mailbox, AccountId who, SharesChanged& changed) {
  rows.erase(rights_key(mailbox, who));
  rows.erase(given_key(who, mailbox));
  const Result<bool> any = has_given(rows, who);
  if (!any) return std::unexpected(any.error());
  if (!*any) changed.ended.push_back(who);
  return {};
}

constexpr std::pair<char, Rights> kLetters[] = {
    {'l', kMayLookUp},         {'r', kMayRead},    {'s', kMaySetSeen},   {'w', kMayWrite},
    {'i', kMayInsert},         {'p', kMayPost},    {'k', kMayCreate},    {'x', kMayDeleteMailbox},
    {'t', kMayDeleteMessages}, {'e', kMayExpunge}, {'a', kMayAdminister}};
constexpr std::pair<char, Rights> kVirtual[] = {{'c', kMayCreate | kMayDeleteMailbox},
                                                {'d', kMayDeleteMessages | kMayExpunge}};

std::optional<Rights> right_of(char letter) {
  for (const auto& [name, rights] : kLetters) {
    if (name == letter) return rights;
  }
  for (const auto& [name, rights] : kVirtual) {
    if (name == letter) return rights;
  }
  return std::nullopt;
}

}  // namespace

std::string rights_text(Rights rights, bool virtual_too) {
  std::string out;
  for (const auto& [letter, right] : kLetters) {
    if ((rights & right) != 0) out += letter;
  }
  for (const auto& [letter, members] : kVirtual) {
    if (virtual_too && (rights & members) != 0) out += letter;
  }
  return out;
}

std::optional<Rights> parse_rights(std::string_view letters) {
  Rights rights = 0;
  for (const char letter : letters) {
    const std::optional<Rights> one = right_of(letter);
    if (!one) return std::nullopt;
    rights = static_cast<Rights>(rights | *one);
  }
  return rights;
}

std::string rights_begin(MailboxId mailbox) {
  std::string key(kRightsPrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}
std::string rights_end(MailboxId mailbox) {
  return prefix_end(rights_begin(mailbox));
}
std::string rights_key(MailboxId mailbox, AccountId who) {
  std::string key = rights_begin(mailbox);
  engine::append_key_u64(key, who);
  return key;
}
std::string given_begin(AccountId who) {
  return account_key(kGivenPrefix, who);
}
std::string given_end(AccountId who) {
  return prefix_end(given_begin(who));
}
std::string given_key(AccountId who, MailboxId mailbox) {
  std::string key = given_begin(who);
  engine::append_key_u32(key, mailbox);
  return key;
}
std::string shares_begin(AccountId who) {
  return account_key(kSharePrefix, who);
}
std::string shares_end(AccountId who) {
  return prefix_end(shares_begin(who));
}
std::string share_key(AccountId who, AccountId owner) {
  std::string key = shares_begin(who);
  engine::append_key_u64(key, owner);
  return key;
}

AccountId who_of_rights(std::string_view key) {
  return key.size() == kRowKey ? engine::read_key_u64(key.substr(5)) : 0;
}
AccountId who_of_given(std::string_view key) {
  return key.size() == kRowKey ? engine::read_key_u64(key.substr(1)) : 0;
}
MailboxId mailbox_of_given(std::string_view key) {
  return key.size() == kRowKey ? engine::read_key_u32(key.substr(9)) : 0;
}
AccountId who_of_share(std::string_view key) {
  return key.size() == kShareKey ? engine::read_key_u64(key.substr(1)) : 0;
}
AccountId owner_of_share(std::string_view key) {
  return key.size() == kShareKey ? engine::read_key_u64(key.substr(9)) : 0;
}

std::string encode(const RightsEntry& entry) {
  return engine::RecordWriter(kRightsVersion).varint(entry.granted).varint(entry.denied).finish();
}

Result<RightsEntry> decode_rights(AccountId who, std::string_view record) {
  engine::RecordReader reader(record, kRightsVersion);
  RightsEntry entry;
  entry.who = who;
  const uint64_t granted = reader.varint();
  const uint64_t denied = reader.varint();
  if (!reader.ok() || !reader.at_end() || (granted & ~uint64_t{kAllRights}) != 0 ||
      (denied & ~uint64_t{kAllRights}) != 0)
    return std::unexpected(reader.fault("rights"));
  entry.granted = static_cast<Rights>(granted);
  entry.denied = static_cast<Rights>(denied);
  return entry;
}

Rights combine(const RightsEntry& own, const RightsEntry& anyone) {
  return static_cast<Rights>((own.granted | anyone.granted) & ~(own.denied | anyone.denied));
}

Result<RightsEntry> find_rights(const engine::Transaction& rows, MailboxId mailbox, AccountId who) {
  const Result<std::optional<std::string>> record = rows.get(rights_key(mailbox, who));
  if (!record) return std::unexpected(record.error());
  if (!*record) return RightsEntry{who, 0, 0};
  return decode_rights(who, **record);
}

Result<void> put_rights(engine::Transaction& rows, MailboxId mailbox, const RightsEntry& entry,
                        SharesChanged& changed) {
  if (entry.granted == 0 && entry.denied == 0) return erase_both(rows, mailbox, entry.who, changed);
  const Result<void> room = check_entries(rows, mailbox, entry.who);
  if (!room) return room;
  put_both(rows, mailbox, entry.who, encode(entry));
  changed.begun.push_back(entry.who);
  return {};
}

Result<void> erase_rights(engine::Transaction& rows, MailboxId mailbox, SharesChanged& changed) {
  const Result<std::vector<std::string>> keys = keys_in(rows, rights_begin(mailbox), rights_end(mailbox));
  if (!keys) return std::unexpected(keys.error());
  for (const std::string& key : *keys) {
    const Result<void> erased = erase_both(rows, mailbox, who_of_rights(key), changed);
    if (!erased) return erased;
    rows.erase(key);
  }
  return {};
}

Result<void> erase_given(engine::Transaction& rows, AccountId who) {
  const Result<std::vector<std::string>> keys = keys_in(rows, given_begin(who), given_end(who));
  if (!keys) return std::unexpected(keys.error());
  for (const std::string& key : *keys) {
    rows.erase(rights_key(mailbox_of_given(key), who));
    rows.erase(key);
  }
  return {};
}

Result<void> inherit_rights(engine::Transaction& rows, MailboxId from, MailboxId to) {
  std::vector<std::pair<AccountId, std::string>> entries;
  const Result<void> scanned =
      rows.scan(rights_begin(from), rights_end(from), [&](std::string_view key, std::string_view value) {
        entries.emplace_back(who_of_rights(key), value);
        return true;
      });
  if (!scanned) return scanned;
  for (const auto& [who, record] : entries) put_both(rows, to, who, record);
  return {};
}

Result<void> settle_rights(engine::Transaction& rows, const std::function<bool(MailboxId)>& wanted) {
  std::map<std::pair<MailboxId, AccountId>, std::string> good;
  std::vector<std::string> all;
  const auto see = [&](std::string_view key, std::string_view value) {
    all.emplace_back(key);
    const bool given = key.starts_with(kGivenPrefix);
    const MailboxId mailbox = given ? mailbox_of_given(key) : mailbox_of_key(key);
    const AccountId who = given ? who_of_given(key) : who_of_rights(key);
    if (key.size() == kRowKey && wanted(mailbox) && decode_rights(who, value))
      good.emplace(std::pair(mailbox, who), value);
    return true;
  };
  for (const std::string_view prefix : {kRightsPrefix, kGivenPrefix}) {
    const Result<void> scanned = rows.scan(prefix, prefix_end(std::string(prefix)), see);
    if (!scanned) return scanned;
  }
  for (const std::string& key : all) rows.erase(key);
  for (const auto& [of, record] : good) put_both(rows, of.first, of.second, record);
  return {};
}

void follow_shares(engine::Transaction& rows, AccountId owner, const SharesChanged& changed) {
  for (const AccountId who : changed.ended) rows.erase(share_key(who, owner));
  for (const AccountId who : changed.begun) rows.put(share_key(who, owner), empty_record());
}

}  // namespace posthouse::store
