#include "store/record_fields.h"

namespace posthouse::store {

uint64_t pack_time(SystemTime time) {
  const int64_t ms = time.time_since_epoch().count();
  return (static_cast<uint64_t>(ms) << 1) ^ static_cast<uint64_t>(ms >> 63);
}

SystemTime unpack_time(uint64_t packed) {
  return SystemTime(milliseconds(static_cast<int64_t>(packed >> 1) ^ -static_cast<int64_t>(packed & 1)));
}

void write_uids(engine::RecordWriter& writer, const UidList& uids) {
  writer.varint(uids.runs().size());
  Uid before = 0;
  for (const UidList::Run& run : uids.runs()) {
    writer.varint(run.first - before).varint(run.count);
    before = run.first + (run.count - 1);
  }
}

bool read_uids(engine::RecordReader& reader, UidList& out) {
  const uint64_t runs = reader.varint();
  uint64_t before = 0;
  for (uint64_t i = 0; i < runs && reader.ok(); ++i) {
    const uint64_t gap = reader.varint();
    const uint64_t count = reader.varint();
    const bool sound = reader.ok() && gap >= 1 && gap <= UINT32_MAX - before && count >= 1 &&
                       count - 1 <= UINT32_MAX - (before + gap);
    if (!sound) return false;
    out.append_run(static_cast<Uid>(before + gap), static_cast<uint32_t>(count));
    before += gap + (count - 1);
  }
  return reader.ok();
}

}  // namespace posthouse::store
