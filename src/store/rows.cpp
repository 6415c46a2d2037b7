#include "store/rows.h"

#include <algorithm>

#include "engine/record.h"
#include "store/limits.h"
#include "store/record_fields.h"

namespace posthouse::store {

namespace {

using engine::append_key_u32;
using engine::append_key_u64;
using engine::RecordReader;
using engine::RecordWriter;

constexpr uint8_t kVersion = 1;         // of every record here but
constexpr uint8_t kHeadVersion = 2;     // since then: kept_messages to next_effect
constexpr uint8_t kMailboxVersion = 2;  // since then: expunges, forgotten
constexpr uint8_t kFlagsVersion = 3;    // since 2: saved, email; since 3: kShares, without which it is 2
constexpr uint8_t kKeptVersion = 2;     // since then: email
constexpr uint8_t kDyingVersion = 2;    // since then: name, when

constexpr uint8_t kShares = 0x80;  // among the system flags of a message

std::string key_of(char table, MailboxId mailbox) {
  std::string key(1, table);
  append_key_u32(key, mailbox);
  return key;
}

std::string key_of(char table, MailboxId mailbox, Uid uid) {
  std::string key = key_of(table, mailbox);
  append_key_u32(key, uid);
  return key;
}

std::string end_of(char table, MailboxId mailbox, Uid last) {
  return last == UINT32_MAX ? prefix_end(key_of(table, mailbox)) : key_of(table, mailbox, last + 1);
}

// Mostly it is the delivery it came with.
uint64_t pack_email(uint64_t email, uint64_t delivery) {
  return email == delivery ? 0 : email;
}

}  // namespace

std::string mailbox_key(MailboxId mailbox) {
  return key_of('M', mailbox);
}
std::string keywords_key(MailboxId mailbox) {
  return key_of('K', mailbox);
}
std::string dying_key(MailboxId mailbox) {
  return key_of('D', mailbox);
}
std::string listing_key(MailboxId mailbox) {
  return key_of('U', mailbox);
}
std::string flags_key(MailboxId mailbox, Uid uid) {
  return key_of('F', mailbox, uid);
}
std::string message_key(MailboxId mailbox, Uid uid) {
  return key_of('R', mailbox, uid);
}
std::string flags_end(MailboxId mailbox, Uid last) {
  return end_of('F', mailbox, last);
}
std::string message_end(MailboxId mailbox, Uid last) {
  return end_of('R', mailbox, last);
}

std::string name_key(std::string_view name) {
  return std::string(kNamePrefix).append(name);
}
std::string subscription_key(std::string_view name) {
  return std::string(kSubscriptionPrefix).append(name);
}
std::string group_key(std::string_view group) {
  return std::string(kGroupPrefix).append(group);
}

// A time before 1970 counts as that: keys are without sign.
std::string kept_key(const KeptPlace& place) {
  std::string key(kKeptPrefix);
  append_key_u64(key, static_cast<uint64_t>(std::max<int64_t>(place.when.time_since_epoch().count(), 0)));
  append_key_u32(key, place.mailbox);
  append_key_u32(key, place.uid);
  return key;
}

KeptPlace kept_place(std::string_view key) {
  if (key.size() != 17) return {};
  KeptPlace place;
  place.when = SystemTime(milliseconds(static_cast<int64_t>(engine::read_key_u64(key.substr(1)))));
  place.mailbox = engine::read_key_u32(key.substr(9));
  place.uid = engine::read_key_u32(key.substr(13));
  return place;
}

std::string change_key(MailboxId mailbox, ModSeq modseq, Uid uid) {
  std::string key = key_of('C', mailbox);
  append_key_u64(key, modseq);
  append_key_u32(key, uid);
  return key;
}

std::string prefix_end(std::string prefix) {
  while (static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

Uid uid_of_key(std::string_view key) {
  return key.size() < 9 ? 0 : engine::read_key_u32(key.substr(key.size() - 4));
}
MailboxId mailbox_of_key(std::string_view key) {
  return key.size() < 5 ? 0 : engine::read_key_u32(key.substr(1));
}
ModSeq modseq_of_key(std::string_view key) {
  return key.size() < 13 ? 0 : engine::read_key_u64(key.substr(5));
}

namespace {

// What the head says of files; before there was `entering`, anything but 0 was kIn.
constexpr uint8_t kIn = 1;
constexpr uint8_t kEntering = 2;

uint8_t where(const HeadRow& row) {
  if (!row.in_files) return 0;
  return row.entering ? kEntering : kIn;
}

}  // namespace

std::string encode(const HeadRow& row) {
  return RecordWriter(kHeadVersion)
      .varint(row.modseq)
      .varint(row.next_mailbox)
      .varint(row.last_uid_validity)
      .varint(row.messages)
      .varint(row.bytes)
      .varint(row.mailboxes)
      .varint(row.kept_messages)
      .varint(row.kept_bytes)
      .bytes(row.group)
      .u8(where(row))
      .varint(row.next_effect)
      .finish();
}

Result<HeadRow> decode_head(std::string_view record) {
  RecordReader reader(record, kHeadVersion);
  HeadRow row;
  row.modseq = reader.varint();
  row.next_mailbox = static_cast<MailboxId>(reader.varint());
  row.last_uid_validity = static_cast<uint32_t>(reader.varint());
  row.messages = reader.varint();
  row.bytes = reader.varint();
  row.mailboxes = static_cast<uint32_t>(reader.varint());
  if (reader.version() >= 2) {
    row.kept_messages = reader.varint();
    row.kept_bytes = reader.varint();
    row.group = std::string(reader.bytes());
    const uint8_t files = reader.u8();
    row.in_files = files != 0;
    row.entering = files == kEntering;
    row.next_effect = reader.varint();
  }
  if (!reader.ok()) return std::unexpected(reader.fault("account head"));
  return row;
}

std::string encode(const MailboxRow& row) {
  return RecordWriter(kMailboxVersion)
      .bytes(row.name)
      .u8(static_cast<uint8_t>(row.role))
      .varint(row.uid_validity)
      .varint(row.uid_next)
      .varint(row.highest_modseq)
      .varint(row.exists)
      .varint(row.unseen)
      .varint(row.deleted)
      .varint(row.bytes)
      .varint(row.first_recent)
      .varint(row.expunges)
      .varint(row.forgotten)
      .finish();
}

Result<MailboxRow> decode_mailbox(MailboxId id, std::string_view record) {
  RecordReader reader(record, kMailboxVersion);
  MailboxRow row;
  row.id = id;
  row.name = std::string(reader.bytes());
  const uint8_t role = reader.u8();
  row.role = static_cast<Role>(role);
  row.uid_validity = static_cast<uint32_t>(reader.varint());
  row.uid_next = static_cast<Uid>(reader.varint());
  row.highest_modseq = reader.varint();
  row.exists = static_cast<uint32_t>(reader.varint());
  row.unseen = static_cast<uint32_t>(reader.varint());
  row.deleted = static_cast<uint32_t>(reader.varint());
  row.bytes = reader.varint();
  row.first_recent = static_cast<Uid>(reader.varint());
  if (reader.version() >= 2) {
    row.expunges = static_cast<uint32_t>(reader.varint());
    row.forgotten = reader.varint();
  }
  if (!reader.ok() || role > static_cast<uint8_t>(Role::important))
    return std::unexpected(reader.fault("mailbox"));
  return row;
}

std::string encode(const FlagRow& row) {
  RecordWriter writer(row.shares ? kFlagsVersion : kFlagsVersion - 1);
  writer.varint(row.modseq).varint(row.created);
  writer.u8(row.shares ? static_cast<uint8_t>(row.system | kShares) : row.system);
  writer.bytes({reinterpret_cast<const char*>(row.keywords.data()), row.keywords.size()});
  writer.varint(row.size).varint(pack_time(row.internal_date)).varint(row.blob).varint(row.delivery);
  writer.varint(pack_time(row.saved)).varint(pack_email(row.email, row.delivery));
  return writer.finish();
}

Result<FlagRow> decode_flags(std::string_view record) {
  RecordReader reader(record, kFlagsVersion);
  FlagRow row;
  row.modseq = reader.varint();
  row.created = reader.varint();
  row.system = reader.u8();
  const std::string_view keywords = reader.bytes();
  row.keywords.assign(keywords.begin(), keywords.end());
  row.size = reader.varint();
  row.internal_date = unpack_time(reader.varint());
  row.blob = reader.varint();
  row.delivery = reader.varint();
  if (reader.version() >= 2) {
    row.saved = unpack_time(reader.varint());
    row.email = reader.varint();
  }
  if (row.email == 0) row.email = row.delivery;
  if (reader.version() >= 3) {
    row.shares = (row.system & kShares) != 0;
    row.system = static_cast<uint8_t>(row.system & ~kShares);
  }
  if (!reader.ok()) return std::unexpected(reader.fault("message flags"));
  return row;
}

std::string encode(const MessageRow& row) {
  return RecordWriter(kVersion)
      .varint(row.blob)
      .varint(row.size)
      .varint(pack_time(row.internal_date))
      .bytes(row.summary)
      .finish();
}

Result<MessageRow> decode_message(std::string_view record) {
  RecordReader reader(record, kVersion);
  MessageRow row;
  row.blob = reader.varint();
  row.size = reader.varint();
  row.internal_date = unpack_time(reader.varint());
  row.summary = reader.bytes();
  if (!reader.ok()) return std::unexpected(reader.fault("message"));
  return row;
}

std::string encode(const KeptRow& row) {
  RecordWriter writer(kKeptVersion);
  writer.bytes(row.mailbox).u8(row.system).varint(row.keywords.size());
  for (const std::string& name : row.keywords) writer.bytes(name);
  writer.varint(pack_time(row.internal_date)).varint(row.size).varint(row.blob).varint(row.delivery);
  return writer.bytes(row.summary).varint(pack_email(row.email, row.delivery)).finish();
}

Result<KeptRow> decode_kept(std::string_view record) {
  RecordReader reader(record, kKeptVersion);
  KeptRow row;
  row.mailbox = std::string(reader.bytes());
  row.system = reader.u8();
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; i < count && i < kMaxKeywords && reader.ok(); ++i)
    row.keywords.emplace_back(reader.bytes());
  row.internal_date = unpack_time(reader.varint());
  row.size = reader.varint();
  row.blob = reader.varint();
  row.delivery = reader.varint();
  row.summary = reader.bytes();
  if (reader.version() >= 2) row.email = reader.varint();
  if (row.email == 0) row.email = row.delivery;
  if (!reader.ok() || count > kMaxKeywords) return std::unexpected(reader.fault("expunged message"));
  return row;
}

std::string encode(const DyingRow& row) {
  return RecordWriter(kDyingVersion).bytes(row.name).varint(pack_time(row.when)).finish();
}

Result<DyingRow> decode_dying(std::string_view record) {
  RecordReader reader(record, kDyingVersion);
  DyingRow row;
  if (reader.version() >= 2) {
    row.name = std::string(reader.bytes());
    row.when = unpack_time(reader.varint());
  }
  if (!reader.ok()) return std::unexpected(reader.fault("deleted mailbox"));
  return row;
}

std::string encode(const GroupRow& row) {
  return RecordWriter(kVersion).varint(row.messages).varint(row.bytes).finish();
}

Result<GroupRow> decode_group(std::string_view record) {
  RecordReader reader(record, kVersion);
  GroupRow row;
  row.messages = reader.varint();
  row.bytes = reader.varint();
  if (!reader.ok()) return std::unexpected(reader.fault("domain count"));
  return row;
}

std::string encode_keywords(const std::vector<std::string>& names) {
  RecordWriter writer(kVersion);
  writer.varint(names.size());
  for (const std::string& name : names) writer.bytes(name);
  return writer.finish();
}

Result<std::vector<std::string>> decode_keywords(std::string_view record) {
  RecordReader reader(record, kVersion);
  std::vector<std::string> names;
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; i < count && i < kMaxKeywords && reader.ok(); ++i) names.emplace_back(reader.bytes());
  if (!reader.ok() || !reader.at_end()) return std::unexpected(reader.fault("keywords"));
  return names;
}

std::string encode_mailbox_id(MailboxId mailbox) {
  return RecordWriter(kVersion).varint(mailbox).finish();
}

Result<MailboxId> decode_mailbox_id(std::string_view record) {
  RecordReader reader(record, kVersion);
  const auto id = static_cast<MailboxId>(reader.varint());
  if (!reader.ok()) return std::unexpected(reader.fault("mailbox name"));
  return id;
}

const std::string& empty_record() {
  static const std::string record = RecordWriter(kVersion).finish();
  return record;
}

Result<void> decode_empty(std::string_view record) {
  RecordReader reader(record, kVersion);
  if (!reader.ok() || !reader.at_end()) return std::unexpected(reader.fault("mark"));
  return {};
}

}  // namespace posthouse::store
