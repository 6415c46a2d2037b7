#include "store/annotations.h"

#include <algorithm>

#include "engine/record.h"
#include "store/damage.h"
#include "store/limits.h"
#include "store/rows.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kVersion = 1;  // of both records
constexpr size_t kNameAt = 5;    // in a key

Result<AnnotationsRow> counts(const engine::Transaction& rows) {
  const Result<std::optional<std::string>> record = rows.get(kAnnotationsKey);
  if (!record) return std::unexpected(record.error());
  if (!*record) return AnnotationsRow();
  return decode_annotations(**record);
}

uint64_t weight(std::string_view name, std::string_view value) {
  return name.size() + value.size();
}

void take_off(AnnotationsRow& counted, uint64_t bytes) {
  counted.count -= std::min<uint64_t>(counted.count, 1);
  counted.bytes -= std::min(counted.bytes, bytes);
}

// What is there under a name goes from the count. False: there was nothing.
Result<bool> uncount(const engine::Transaction& rows, const std::string& key, AnnotationsRow& counted) {
  const Result<std::optional<std::string>> there = rows.get(key);
  if (!there) return std::unexpected(there.error());
  if (!*there) return false;
  const Result<AnnotationRow> row = decode_annotation(**there);
  take_off(counted, weight(annotation_name(key), row ? row->value : ""));
  return true;
}

}  // namespace

std::string annotations_begin(MailboxId mailbox) {
  std::string key(kAnnotationsKey);
  engine::append_key_u32(key, mailbox);
  return key;
}

std::string annotations_end(MailboxId mailbox) {
  return prefix_end(annotations_begin(mailbox));
}

std::string annotation_key(MailboxId mailbox, std::string_view name) {
  return annotations_begin(mailbox).append(name);
}

std::string_view annotation_name(std::string_view key) {
  return key.size() < kNameAt ? std::string_view() : key.substr(kNameAt);
}

std::string encode(const AnnotationsRow& row) {
  return engine::RecordWriter(kVersion).varint(row.modseq).varint(row.count).varint(row.bytes).finish();
}

Result<AnnotationsRow> decode_annotations(std::string_view record) {
  engine::RecordReader reader(record, kVersion);
  AnnotationsRow row;
  row.modseq = reader.varint();
  row.count = reader.varint();
  row.bytes = reader.varint();
  if (!reader.ok()) return std::unexpected(reader.fault("count of annotations"));
  return row;
}

std::string encode(const AnnotationRow& row) {
  return engine::RecordWriter(kVersion).varint(row.modseq).bytes(row.value).finish();
}

Result<AnnotationRow> decode_annotation(std::string_view record) {
  engine::RecordReader reader(record, kVersion);
  AnnotationRow row;
  row.modseq = reader.varint();
  row.value = reader.bytes();
  if (!reader.ok()) return std::unexpected(reader.fault("annotation"));
  return row;
}

Result<void> for_each_annotation(AccountId account, const RowScan& scan, std::optional<MailboxId> mailbox,
                                 const AnnotationVisitor& visit) {
  const std::string begin = annotations_begin(mailbox.value_or(0));
  const std::string end = mailbox ? annotations_end(*mailbox) : prefix_end(std::string(kAnnotationsKey));
  return scan(begin, end, [&](std::string_view key, std::string_view value) {
    const Result<AnnotationRow> row = decode_annotation(value);
    if (row) {
      visit(mailbox_of_key(key), annotation_name(key), *row);
    } else {
      report_damage(row.error(), account, mailbox_of_key(key), 0);
    }
    return true;
  });
}

Result<void> change_annotations(engine::Transaction& rows, MailboxId mailbox,
                                const std::vector<AnnotationChange>& changes, ModSeq modseq) {
  Result<AnnotationsRow> counted = counts(rows);
  if (!counted) return std::unexpected(counted.error());
  bool changed = false;
  bool grows = false;
  for (const AnnotationChange& change : changes) {
    const std::string key = annotation_key(mailbox, change.name);
    const Result<bool> was_there = uncount(rows, key, *counted);
    if (!was_there) return std::unexpected(was_there.error());
    changed = changed || *was_there || change.value.has_value();
    if (!change.value) {
      rows.erase(key);
      continue;
    }
    grows = true;
    ++counted->count;
    counted->bytes += weight(change.name, *change.value);
    rows.put(key, encode(AnnotationRow{modseq, *change.value}));
  }
  if (grows && (counted->count > kMaxAnnotations || counted->bytes > kMaxAnnotationBytes))
    return fail(FaultKind::over_quota, "too many annotations");
  if (!changed) return {};
  counted->modseq = modseq;
  rows.put(kAnnotationsKey, encode(*counted));
  return {};
}

Result<void> touch_annotations(engine::Transaction& rows, ModSeq modseq) {
  Result<AnnotationsRow> counted = counts(rows);
  if (!counted) return std::unexpected(counted.error());
  counted->modseq = modseq;
  rows.put(kAnnotationsKey, encode(*counted));
  return {};
}

Result<void> erase_annotations(engine::Transaction& rows, MailboxId mailbox, ModSeq modseq) {
  std::vector<std::string> keys;
  const Result<void> scanned = rows.scan(annotations_begin(mailbox), annotations_end(mailbox),
                                         [&](std::string_view key, std::string_view) {
                                           keys.emplace_back(key);
                                           return true;
                                         });
  if (!scanned || keys.empty()) return scanned;
  std::vector<AnnotationChange> changes;
  for (const std::string& key : keys) changes.push_back({std::string(annotation_name(key)), std::nullopt});
  return change_annotations(rows, mailbox, changes, modseq);
}

namespace {

Result<std::vector<AnnotationChange>> all_of(const engine::Transaction& rows, AccountId account,
                                             MailboxId mailbox) {
  std::vector<AnnotationChange> all;
  const RowScan scan = [&rows](std::string_view begin, std::string_view end,
                               const engine::RowVisitor& visit) { return rows.scan(begin, end, visit); };
  const Result<void> seen = for_each_annotation(
      account, scan, mailbox, [&](MailboxId, std::string_view name, const AnnotationRow& row) {
        all.push_back({std::string(name), std::string(row.value)});
      });
  if (!seen) return std::unexpected(seen.error());
  return all;
}

// As many of them as there is room for.
Result<void> add_some(engine::Transaction& rows, MailboxId to, std::vector<AnnotationChange> all,
                      ModSeq modseq) {
  const Result<AnnotationsRow> counted = counts(rows);
  if (!counted) return std::unexpected(counted.error());
  uint64_t bytes = counted->bytes;
  std::vector<AnnotationChange> some;
  for (AnnotationChange& one : all) {
    bytes += weight(one.name, *one.value);
    if (counted->count + some.size() >= kMaxAnnotations || bytes > kMaxAnnotationBytes) break;
    some.push_back(std::move(one));
  }
  return change_annotations(rows, to, some, modseq);
}

std::string kept_annotations_key(MailboxId mailbox) {
  std::string key(kKeptAnnotationsPrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}

struct KeptAnnotations {
  SystemTime when{};
  std::vector<AnnotationChange> all;
};

std::string encode(const KeptAnnotations& row) {
  engine::RecordWriter writer(kVersion);
  writer.varint(static_cast<uint64_t>(row.when.time_since_epoch().count())).varint(row.all.size());
  for (const AnnotationChange& one : row.all) writer.bytes(one.name).bytes(*one.value);
  return writer.finish();
}

// What can't be read is nothing, of long ago.
KeptAnnotations decode_kept_annotations(std::string_view record) {
  engine::RecordReader reader(record, kVersion);
  KeptAnnotations row;
  row.when = SystemTime(milliseconds(static_cast<int64_t>(reader.varint())));
  const uint64_t count = reader.varint();
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    std::string name(reader.bytes());
    row.all.push_back({std::move(name), std::string(reader.bytes())});
  }
  return reader.ok() ? row : KeptAnnotations();
}

}  // namespace

Result<void> copy_annotations(engine::Transaction& rows, AccountId account, MailboxId from, MailboxId to,
                              ModSeq modseq) {
  Result<std::vector<AnnotationChange>> all = all_of(rows, account, from);
  if (!all) return std::unexpected(all.error());
  return all->empty() ? Result<void>() : add_some(rows, to, std::move(*all), modseq);
}

Result<void> keep_annotations(engine::Transaction& rows, AccountId account, MailboxId mailbox,
                              SystemTime when) {
  Result<std::vector<AnnotationChange>> all = all_of(rows, account, mailbox);
  if (!all) return std::unexpected(all.error());
  if (all->empty()) return {};
  uint64_t bytes = 0;
  const Result<void> scanned =
      rows.scan(kKeptAnnotationsPrefix, prefix_end(std::string(kKeptAnnotationsPrefix)),
                [&](std::string_view, std::string_view value) {
                  bytes += value.size();
                  return true;
                });
  if (!scanned) return scanned;
  const std::string row = encode(KeptAnnotations{when, std::move(*all)});
  if (bytes + row.size() <= kMaxAnnotationBytes) rows.put(kept_annotations_key(mailbox), row);
  return {};
}

Result<void> return_annotations(engine::Transaction& rows, MailboxId from, MailboxId to, ModSeq modseq) {
  const std::string key = kept_annotations_key(from);
  const Result<std::optional<std::string>> record = rows.get(key);
  if (!record) return std::unexpected(record.error());
  if (!*record) return {};
  rows.erase(key);
  std::vector<AnnotationChange> missing;
  for (AnnotationChange& one : decode_kept_annotations(**record).all) {
    const Result<std::optional<std::string>> there = rows.get(annotation_key(to, one.name));
    if (!there) return std::unexpected(there.error());
    if (!*there) missing.push_back(std::move(one));
  }
  return missing.empty() ? Result<void>() : add_some(rows, to, std::move(missing), modseq);
}

Result<void> purge_annotations(engine::Transaction& rows, SystemTime before) {
  std::vector<std::string> old;
  const Result<void> scanned =
      rows.scan(kKeptAnnotationsPrefix, prefix_end(std::string(kKeptAnnotationsPrefix)),
                [&](std::string_view key, std::string_view value) {
                  if (decode_kept_annotations(value).when < before) old.emplace_back(key);
                  return true;
                });
  for (const std::string& key : old) rows.erase(key);
  return scanned;
}

Result<void> settle_annotations(engine::Transaction& rows, const std::function<bool(MailboxId)>& wanted,
                                ModSeq modseq) {
  AnnotationsRow counted;
  counted.modseq = modseq;
  std::vector<std::string> leave;
  const Result<void> scanned = rows.scan(annotations_begin(0), prefix_end(std::string(kAnnotationsKey)),
                                         [&](std::string_view key, std::string_view value) {
                                           const Result<AnnotationRow> row = decode_annotation(value);
                                           const MailboxId mailbox = mailbox_of_key(key);
                                           if (!row || (mailbox != 0 && !wanted(mailbox))) {
                                             leave.emplace_back(key);
                                           } else {
                                             ++counted.count;
                                             counted.bytes += weight(annotation_name(key), row->value);
                                           }
                                           return true;
                                         });
  if (!scanned) return scanned;
  for (const std::string& key : leave) rows.erase(key);
  const Result<std::optional<std::string>> there = rows.get(kAnnotationsKey);
  if (!there) return std::unexpected(there.error());
  if (counted.count > 0 || *there) rows.put(kAnnotationsKey, encode(counted));
  return {};
}

}  // namespace posthouse::store
