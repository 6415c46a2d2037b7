#include "store/removal_row.h"

#include "engine/record.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kRemovalVersion = 1;

}  // namespace

std::string encode(const RemovalRow& row) {
  engine::RecordWriter writer(kRemovalVersion);
  writer.varint(row.mailbox).varint(row.uid_validity).varint(row.uids.runs().size());
  Uid before = 0;
  for (const UidList::Run& run : row.uids.runs()) {
    writer.varint(run.first - before).varint(run.count);
    before = run.first + run.count - 1;
  }
  return writer.finish();
}

Result<RemovalRow> decode_removal(std::string_view record) {
  engine::RecordReader reader(record, kRemovalVersion);
  RemovalRow row;
  row.mailbox = static_cast<MailboxId>(reader.varint());
  row.uid_validity = static_cast<uint32_t>(reader.varint());
  const uint64_t runs = reader.varint();
  for (uint64_t i = 0; i < runs && reader.ok(); ++i) {
    const uint64_t floor = row.uids.last();
    const uint64_t gap = reader.varint();
    const uint64_t count = reader.varint();
    if (!reader.ok() || gap == 0 || count == 0 || gap > UINT32_MAX - floor ||
        count - 1 > UINT32_MAX - floor - gap) {
      return std::unexpected(reader.fault("removal"));
    }
    row.uids.append_run(static_cast<Uid>(floor + gap), static_cast<uint32_t>(count));
  }
  if (!reader.ok()) return std::unexpected(reader.fault("removal"));
  return row;
}

}  // namespace posthouse::store
