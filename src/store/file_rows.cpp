#include "store/file_rows.h"

#include <array>

#include "engine/record.h"

namespace posthouse::store {

namespace {

using engine::RecordReader;
using engine::RecordWriter;

constexpr uint8_t kVersion = 1;

constexpr std::array<std::string_view, 3> kFormats{"database", "maildir", "mbox"};

}  // namespace

std::string_view to_string(Format format) {
  return kFormats[static_cast<size_t>(format)];
}

Result<Format> parse_format(std::string_view name) {
  for (size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i] == name) return static_cast<Format>(i);
  }
  return fail(FaultKind::syntax,
              "a store is one of database, maildir, mbox, not \"" + std::string(name) + "\"");
}

std::string location_key(MailboxId mailbox, Uid uid) {
  std::string key(kLocationPrefix);
  engine::append_key_u32(key, mailbox);
  engine::append_key_u32(key, uid);
  return key;
}

std::string location_end(MailboxId mailbox, Uid last) {
  if (last != UINT32_MAX) return location_key(mailbox, last + 1);
  return prefix_end(location_key(mailbox, last));
}

std::string effect_key(uint64_t number) {
  std::string key(kEffectPrefix);
  engine::append_key_u64(key, number);
  return key;
}

std::string seen_key(MailboxId mailbox) {
  std::string key(kSeenPrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}

uint64_t number_of_effect(std::string_view key) {
  return key.size() < 9 ? 0 : engine::read_key_u64(key.substr(1));
}

std::string encode(const FilePlace& place) {
  return RecordWriter(kVersion)
      .u8(static_cast<uint8_t>(place.format))
      .bytes(place.inbox)
      .bytes(place.folders)
      .finish();
}

Result<FilePlace> decode_file_place(std::string_view record) {
  RecordReader reader(record, kVersion);
  FilePlace place;
  const uint8_t format = reader.u8();
  place.inbox = std::string(reader.bytes());
  place.folders = std::string(reader.bytes());
  if (!reader.ok() || format >= kFormats.size()) return std::unexpected(reader.fault("place of the files"));
  place.format = static_cast<Format>(format);
  return place;
}

std::string encode(const EffectRow& row) {
  return RecordWriter(kVersion)
      .u8(static_cast<uint8_t>(row.kind))
      .varint(row.mailbox)
      .varint(row.uid)
      .bytes(row.name)
      .bytes(row.to)
      .finish();
}

Result<EffectRow> decode_effect(std::string_view record) {
  RecordReader reader(record, kVersion);
  EffectRow row;
  const uint8_t kind = reader.u8();
  row.mailbox = static_cast<MailboxId>(reader.varint());
  row.uid = static_cast<Uid>(reader.varint());
  row.name = std::string(reader.bytes());
  row.to = std::string(reader.bytes());
  const bool known = kind >= static_cast<uint8_t>(EffectRow::Kind::put) &&
                     kind <= static_cast<uint8_t>(EffectRow::Kind::unsubscribe);
  if (!reader.ok() || !known) return std::unexpected(reader.fault("outbox"));
  row.kind = static_cast<EffectRow::Kind>(kind);
  return row;
}

std::string encode_location(std::string_view location) {
  return RecordWriter(kVersion).bytes(location).finish();
}

Result<std::string> decode_location(std::string_view record) {
  RecordReader reader(record, kVersion);
  std::string location(reader.bytes());
  if (!reader.ok()) return std::unexpected(reader.fault("location"));
  return location;
}

}  // namespace posthouse::store
