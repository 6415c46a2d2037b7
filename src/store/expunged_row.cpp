#include "store/expunged_row.h"

#include <algorithm>

#include "engine/record.h"
#include "store/damage.h"
#include "store/record_fields.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kExpungedVersion = 1;

}  // namespace

bool ExpungedRow::contains(Uid uid) const {
  return std::ranges::any_of(parts, [uid](const Part& part) { return part.uids.contains(uid); });
}

size_t ExpungedRow::runs() const {
  size_t runs = 0;
  for (const Part& part : parts) runs += part.uids.runs().size();
  return runs;
}

void ExpungedRow::remove(const std::vector<Uid>& rising) {
  for (Part& part : parts) part.uids = without(part.uids, rising);
  std::erase_if(parts, [](const Part& part) { return part.uids.empty(); });
}

std::string expunged_key(MailboxId mailbox) {
  std::string key(kExpungedPrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}

std::string encode(const ExpungedRow& row) {
  engine::RecordWriter writer(kExpungedVersion);
  writer.varint(row.parts.size());
  for (const ExpungedRow::Part& part : row.parts) {
    writer.varint(pack_time(part.when)).u8(part.keep ? 1 : 0);
    write_uids(writer, part.uids);
  }
  return writer.finish();
}

Result<ExpungedRow> decode_expunged(std::string_view record) {
  engine::RecordReader reader(record, kExpungedVersion);
  ExpungedRow row;
  const uint64_t parts = reader.varint();
  bool sound = true;
  for (uint64_t i = 0; i < parts && sound && reader.ok(); ++i) {
    ExpungedRow::Part& part = row.parts.emplace_back();
    part.when = unpack_time(reader.varint());
    const uint8_t keep = reader.u8();
    part.keep = keep == 1;
    sound = keep <= 1 && read_uids(reader, part.uids) && !part.uids.empty();
  }
  if (!sound || !reader.ok() || !reader.at_end()) return std::unexpected(reader.fault("expunged messages"));
  return row;
}

Result<ExpungedRow> expunged_or_none(const Result<std::optional<std::string>>& record, AccountId account,
                                     MailboxId mailbox) {
  if (!record) return std::unexpected(record.error());
  if (!*record) return ExpungedRow();
  Result<ExpungedRow> row = decode_expunged(**record);
  if (row) return row;
  report_damage(row.error(), account, mailbox, 0);
  return ExpungedRow();
}

}  // namespace posthouse::store
