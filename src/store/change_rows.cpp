#include "store/change_rows.h"

#include <algorithm>

#include "engine/record.h"
#include "store/limits.h"

namespace posthouse::store {

namespace {

using engine::RecordReader;
using engine::RecordWriter;

constexpr uint8_t kSingle = 1;  // version: one message, whose UID is only in the key
constexpr uint8_t kShared = 2;  // many

// The part of a run from `first` to `last`, both in it.
ChangeRun part_of(const ChangeRun& run, Uid first, Uid last) {
  return {first, last - first + 1, run.created_of(first), run.step};
}

// That of a single message has no step.
void write_run(RecordWriter& writer, const ChangeRun& run, bool expunged, const ChangeRun& before) {
  writer.varint(run.first - (before.count == 0 ? 0 : before.last())).varint(run.count);
  if (!expunged) return;
  writer.varint(run.created - before.created_of(before.last()));
  if (run.count > 1) writer.varint(run.step);
}

// False for one that can't be.
bool read_run(RecordReader& reader, bool expunged, const ChangeRun& before, ChangeRun& run) {
  const uint64_t floor = before.count == 0 ? 0 : before.last();
  const uint64_t gap = reader.varint();
  const uint64_t count = reader.varint();
  if (gap < 1 || gap > UINT32_MAX - floor || count < 1 || count > kChangesInRow ||
      count - 1 > UINT32_MAX - (floor + gap))
    return false;
  run.first = static_cast<Uid>(floor + gap);
  run.count = static_cast<uint32_t>(count);
  if (!expunged) return reader.ok();
  run.created = before.created_of(before.last()) + reader.varint();
  if (run.count > 1) run.step = reader.varint();
  return reader.ok();
}

}  // namespace

size_t ChangeRow::size() const {
  size_t count = 0;
  for (const ChangeRun& run : runs) count += run.count;
  return count;
}

bool ChangeRow::add(Uid uid, ModSeq created) {
  if (!expunged) created = 0;
  if (!runs.empty() && uid == last() + 1) {
    ChangeRun& run = runs.back();
    const bool full = size() >= kChangesInRow;
    if (!full && expunged && run.count == 1) run.step = created - run.created;
    const bool fits = !full && created == run.created_of(uid);
    if (fits) ++run.count;
    if (full || fits) return fits;
  }
  if (runs.size() >= kRunsInRow || size() >= kChangesInRow) return false;
  runs.push_back({uid, 1, created, 0});
  return true;
}

size_t ChangeRow::remove(const std::vector<Uid>& rising) {
  std::vector<ChangeRun> left;
  size_t removed = 0;
  auto next = rising.begin();
  for (const ChangeRun& run : runs) {
    const uint64_t end = uint64_t{run.first} + run.count;
    uint64_t from = run.first;
    next = std::lower_bound(next, rising.end(), run.first);
    for (; next != rising.end() && *next < end; ++next) {
      if (from < *next) left.push_back(part_of(run, static_cast<Uid>(from), *next - 1));
      from = uint64_t{*next} + 1;
      ++removed;
    }
    if (from < end) left.push_back(part_of(run, static_cast<Uid>(from), static_cast<Uid>(end - 1)));
  }
  runs = std::move(left);
  return removed;
}

std::string encode(const ChangeRow& row) {
  RecordWriter writer(row.shared ? kShared : kSingle);
  writer.u8(row.expunged ? 1 : 0);
  if (!row.shared) return writer.varint(row.runs.front().created).finish();
  writer.varint(row.runs.size());
  ChangeRun before;
  for (const ChangeRun& run : row.runs) {
    write_run(writer, run, row.expunged, before);
    before = run;
  }
  return writer.finish();
}

Result<ChangeRow> decode_change(Uid uid, std::string_view record) {
  RecordReader reader(record, kShared);
  ChangeRow row;
  row.shared = reader.version() >= kShared;
  row.expunged = reader.u8() != 0;
  bool sound = true;
  if (!row.shared) {
    row.runs.push_back({uid, 1, reader.varint(), 0});
  } else {
    const uint64_t runs = reader.varint();
    uint64_t changes = 0;
    ChangeRun before;
    for (uint64_t i = 0; i < runs && sound && reader.ok(); ++i) {
      ChangeRun run;
      sound = read_run(reader, row.expunged, before, run);
      changes += run.count;
      sound = sound && changes <= kChangesInRow;
      if (sound) row.runs.push_back(run);
      before = run;
    }
    sound = sound && !row.runs.empty() && row.runs.front().first == uid && reader.at_end();
  }
  if (!sound || !reader.ok()) return std::unexpected(reader.fault("change"));
  return row;
}

}  // namespace posthouse::store
