#include "store/pending_flags.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/record.h"
#include "store/damage.h"
#include "store/limits.h"
#include "store/record_fields.h"

namespace posthouse::store {

namespace {

constexpr uint8_t kPendingVersion = 1;

std::vector<uint8_t> joined(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  std::vector<uint8_t> out;
  std::ranges::set_union(a, b, std::back_inserter(out));
  return out;
}

std::vector<uint8_t> less(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  std::vector<uint8_t> out;
  std::ranges::set_difference(a, b, std::back_inserter(out));
  return out;
}

bool same(const UidList& a, const UidList& b) {
  return a.size() == b.size() &&
         std::ranges::equal(a.runs(), b.runs(), [](const UidList::Run& x, const UidList::Run& y) {
           return x.first == y.first && x.count == y.count;
         });
}

std::string text_of(const std::vector<uint8_t>& numbers) {
  return {numbers.begin(), numbers.end()};
}

// Rising, each once.
bool read_numbers(engine::RecordReader& reader, std::vector<uint8_t>& out) {
  const std::string_view text = reader.bytes();
  out.assign(text.begin(), text.end());
  return std::ranges::adjacent_find(out, std::ranges::greater_equal()) == out.end();
}

}  // namespace

std::vector<uint8_t> FlagsEdit::keywords(const std::vector<uint8_t>& before) const {
  if (clear_keywords) return with;
  return joined(less(before, without), with);
}

FlagsEdit FlagsEdit::then(const FlagsEdit& next) const {
  FlagsEdit both;
  both.clear = clear | next.clear;
  both.add = next.flags(add);
  both.clear_keywords = clear_keywords || next.clear_keywords;
  if (!both.clear_keywords) both.without = joined(without, next.without);
  both.with = next.keywords(with);
  return both;
}

void PendingFlags::apply(Uid uid, FlagRow& row) const {
  for (const Part& part : parts) {
    if (part.modseq <= row.modseq || !part.uids.contains(uid)) continue;
    row.system = part.edit.flags(row.system);
    if (part.edit.of_keywords()) row.keywords = part.edit.keywords(row.keywords);
    row.modseq = part.modseq;
    row.shares = true;
  }
}

bool PendingFlags::add(Part part, bool follows) {
  // Who marks the same messages again and again does not make the row longer.
  if (follows && !parts.empty() && same(parts.back().uids, part.uids)) {
    parts.back().edit = parts.back().edit.then(part.edit);
    parts.back().modseq = part.modseq;
    return true;
  }
  size_t runs = part.uids.runs().size();
  for (const Part& known : parts) runs += known.uids.runs().size();
  if (parts.size() == kPendingParts || runs > kHiddenRuns) return false;
  parts.push_back(std::move(part));
  return true;
}

void PendingFlags::remove(const std::vector<Uid>& rising) {
  for (Part& part : parts) part.uids = store::without(part.uids, rising);
  std::erase_if(parts, [](const Part& part) { return part.uids.empty(); });
}

std::string pending_key(MailboxId mailbox) {
  std::string key(kPendingPrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}

std::string encode(const PendingFlags& row) {
  engine::RecordWriter writer(kPendingVersion);
  writer.varint(row.parts.size());
  for (const PendingFlags::Part& part : row.parts) {
    const FlagsEdit& edit = part.edit;
    writer.varint(part.modseq).u8(edit.clear).u8(edit.add).u8(edit.clear_keywords ? 1 : 0);
    writer.bytes(text_of(edit.without)).bytes(text_of(edit.with));
    write_uids(writer, part.uids);
  }
  return writer.finish();
}

Result<PendingFlags> decode_pending(std::string_view record) {
  engine::RecordReader reader(record, kPendingVersion);
  PendingFlags row;
  const uint64_t parts = reader.varint();
  bool sound = true;
  for (uint64_t i = 0; i < parts && sound && reader.ok(); ++i) {
    PendingFlags::Part& part = row.parts.emplace_back();
    part.modseq = reader.varint();
    part.edit.clear = reader.u8();
    part.edit.add = reader.u8();
    const uint8_t clear_keywords = reader.u8();
    part.edit.clear_keywords = clear_keywords == 1;
    sound = clear_keywords <= 1 && read_numbers(reader, part.edit.without) &&
            read_numbers(reader, part.edit.with) && read_uids(reader, part.uids) && !part.uids.empty();
  }
  if (!sound || !reader.ok() || !reader.at_end()) return std::unexpected(reader.fault("flags"));
  return row;
}

Result<PendingFlags> pending_or_none(const Result<std::optional<std::string>>& record, AccountId account,
                                     MailboxId mailbox) {
  if (!record) return std::unexpected(record.error());
  if (!*record) return PendingFlags();
  Result<PendingFlags> row = decode_pending(**record);
  if (row) return row;
  report_damage(row.error(), account, mailbox, 0);
  return PendingFlags();
}

}  // namespace posthouse::store
