#include "store/removal_row.h"

#include "engine/record.h"
#include "store/record_fields.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kRemovalVersion = 1;

}  // namespace

std::string encode(const RemovalRow& row) {
  engine::RecordWriter writer(kRemovalVersion);
  writer.varint(row.mailbox).varint(row.uid_validity);
  write_uids(writer, row.uids);
  return writer.finish();
}

Result<RemovalRow> decode_removal(std::string_view record) {
  engine::RecordReader reader(record, kRemovalVersion);
  RemovalRow row;
  row.mailbox = static_cast<MailboxId>(reader.varint());
  row.uid_validity = static_cast<uint32_t>(reader.varint());
  const bool sound = read_uids(reader, row.uids);
  if (!sound || !reader.ok()) return std::unexpected(reader.fault("removal"));
  return row;
}

}  // namespace posthouse::store
