#include "catalog/rows.h"

#include "catalog/limits.h"
#include "engine/record.h"

namespace posthouse::catalog {
namespace {

constexpr uint8_t kVersion = 1;

std::string key_u64(char kind, uint64_t number) {
  std::string key(1, kind);
  engine::append_key_u64(key, number);
  return key;
}

std::string key_u32(char kind, uint32_t number) {
  std::string key(1, kind);
  engine::append_key_u32(key, number);
  return key;
}

template <class T>
Result<T> checked(const engine::RecordReader& in, T value, const char* what) {
  if (!in.ok()) return std::unexpected(in.fault(what));
  return value;
}

std::unexpected<Fault> too_many() {
  return fail(FaultKind::corrupt, "a row of a catalog has more than it may");
}

}  // namespace

engine::Partition partition(AccountId account) {
  return {engine::PartitionKind::account, account};
}

std::string email_key(EmailId email) {
  return key_u64(kEmailPrefix.front(), email);
}

std::string place_key(Place place) {
  std::string key = places_prefix(place.mailbox);
  engine::append_key_u32(key, place.uid);
  return key;
}

std::string places_prefix(MailboxId mailbox) {
  return key_u32('P', mailbox);
}

std::string log_key(ModSeq position, EmailId email) {
  std::string key = key_u64(kLogPrefix.front(), position);
  engine::append_key_u64(key, email);
  return key;
}

std::string member_key(ThreadId thread, EmailId email) {
  std::string key = members_prefix(thread);
  engine::append_key_u64(key, email);
  return key;
}

std::string members_prefix(ThreadId thread) {
  return key_u64('T', thread);
}

std::string lead_key(uint64_t key) {
  return key_u64('M', key);
}

std::string mailbox_key(MailboxId mailbox) {
  return key_u32(kMailboxPrefix.front(), mailbox);
}

std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

EmailId email_of(std::string_view key) {
  return engine::read_key_u64(key.substr(1));
}

LogPlace log_place_of(std::string_view key) {
  return {engine::read_key_u64(key.substr(1)), engine::read_key_u64(key.substr(9))};
}

Place place_of(std::string_view key) {
  return {engine::read_key_u32(key.substr(1)), engine::read_key_u32(key.substr(5))};
}

EmailId member_of(std::string_view key) {
  return engine::read_key_u64(key.substr(9));
}

MailboxId mailbox_of(std::string_view key) {
  return engine::read_key_u32(key.substr(1));
}

std::string encode(const Head& head) {
  engine::RecordWriter out(kVersion);
  out.varint(head.epoch).varint(head.through).varint(head.forgotten).varint(head.tombstones);
  out.varint(head.mailboxes.size());
  for (const KnownMailbox& one : head.mailboxes)
    out.varint(one.id).varint(one.uid_validity).varint(one.modseq);
  return out.finish();
}

Result<Head> decode_head(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  Head head;
  head.epoch = in.varint();
  head.through = in.varint();
  head.forgotten = in.varint();
  head.tombstones = in.varint();
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count && i < kMaxMailboxes && in.ok(); ++i) {
    KnownMailbox one;
    one.id = static_cast<MailboxId>(in.varint());
    one.uid_validity = static_cast<uint32_t>(in.varint());
    one.modseq = in.varint();
    head.mailboxes.push_back(one);
  }
  if (in.ok() && head.mailboxes.size() != count) return too_many();
  return checked(in, std::move(head), "the head of a catalog");
}

std::string encode(const EmailRow& row) {
  engine::RecordWriter out(kVersion);
  out.varint(row.thread).varint(row.created).varint(row.changed).varint(row.places.size());
  for (const Place& place : row.places) out.varint(place.mailbox).varint(place.uid);
  return out.finish();
}

Result<EmailRow> decode_email(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  EmailRow row;
  row.thread = in.varint();
  row.created = in.varint();
  row.changed = in.varint();
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count && i < kMaxPlaces && in.ok(); ++i) {
    const auto mailbox = static_cast<MailboxId>(in.varint());
    row.places.push_back({mailbox, static_cast<Uid>(in.varint())});
  }
  if (in.ok() && row.places.size() != count) return too_many();
  return checked(in, std::move(row), "a letter of a catalog");
}

std::string encode(const LogRow& row) {
  engine::RecordWriter out(kVersion);
  out.u8(row.destroyed ? 1 : 0).varint(row.created).varint(row.thread);
  return out.finish();
}

Result<LogRow> decode_log(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  LogRow row;
  row.destroyed = in.u8() != 0;
  row.created = in.varint();
  row.thread = in.varint();
  return checked(in, row, "a change in a catalog");
}

std::string encode(const MemberRow& row) {
  engine::RecordWriter out(kVersion);
  out.varint(row.created).varint(row.gone).varint(row.keys.size());
  for (const uint64_t key : row.keys) out.varint(key);
  return out.finish();
}

Result<MemberRow> decode_member(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  MemberRow row;
  row.created = in.varint();
  row.gone = in.varint();
  const uint64_t count = in.varint();
  for (uint64_t i = 0; i < count && i < kMaxKeys && in.ok(); ++i) row.keys.push_back(in.varint());
  if (in.ok() && row.keys.size() != count) return too_many();
  return checked(in, std::move(row), "a conversation of a catalog");
}

std::string encode(const MailboxRow& row) {
  engine::RecordWriter out(kVersion);
  out.varint(row.created).varint(row.changed).varint(row.counted);
  out.u8(row.destroyed ? 1 : 0).varint(row.digest);
  return out.finish();
}

Result<MailboxRow> decode_mailbox(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  MailboxRow row;
  row.created = in.varint();
  row.changed = in.varint();
  row.counted = in.varint();
  row.destroyed = in.u8() != 0;
  row.digest = in.varint();
  return checked(in, row, "a mailbox of a catalog");
}

std::string encode_number(uint64_t number) {
  engine::RecordWriter out(kVersion);
  out.varint(number);
  return out.finish();
}

Result<uint64_t> decode_number(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  const uint64_t number = in.varint();
  return checked(in, number, "a row of a catalog");
}

}  // namespace posthouse::catalog
