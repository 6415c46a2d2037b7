#include "search/rows.h"

#include "engine/record.h"
#include "search/limits.h"
#include "search/postings.h"

namespace posthouse::search {

namespace {

constexpr uint8_t kVersion = 1;
constexpr char kTerms = 'T';
constexpr char kPostings = 'P';
constexpr char kLetters = 'L';

std::string dict_prefix(MailboxId mailbox, SegmentId segment, char kind, Dict dict) {
  std::string key = segment_prefix(mailbox, segment);
  key += kind;
  key += static_cast<char>(dict);
  return key;
}

void write(engine::RecordWriter& out, const Segment& segment) {
  out.varint(segment.id).varint(segment.letters).varint(segment.first).varint(segment.last);
  out.varint(segment.last_email).varint(segment.bytes).varint(segment.text);
}

Segment read_segment(engine::RecordReader& in) {
  Segment segment;
  segment.id = static_cast<SegmentId>(in.varint());
  segment.letters = static_cast<uint32_t>(in.varint());
  segment.first = static_cast<Uid>(in.varint());
  segment.last = static_cast<Uid>(in.varint());
  segment.last_email = in.varint();
  segment.bytes = in.varint();
  segment.text = in.varint();
  return segment;
}

}  // namespace

std::string state_key(MailboxId mailbox) {
  std::string key(kStatePrefix);
  engine::append_key_u32(key, mailbox);
  return key;
}

MailboxId mailbox_of_state_key(std::string_view key) {
  return engine::read_key_u32(key.substr(kStatePrefix.size()));
}

std::string segments_prefix(MailboxId mailbox) {
  std::string key = "S";
  engine::append_key_u32(key, mailbox);
  return key;
}

std::string segment_prefix(MailboxId mailbox, SegmentId segment) {
  std::string key = segments_prefix(mailbox);
  engine::append_key_u32(key, segment);
  return key;
}

std::string letters_key(MailboxId mailbox, SegmentId segment) {
  return segment_prefix(mailbox, segment) + kLetters;
}

std::string terms_prefix(MailboxId mailbox, SegmentId segment, Dict dict) {
  return dict_prefix(mailbox, segment, kTerms, dict);
}

std::string postings_prefix(MailboxId mailbox, SegmentId segment, Dict dict) {
  return dict_prefix(mailbox, segment, kPostings, dict);
}

std::string behind(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xFF') prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

std::string encode(const MailboxState& state) {
  engine::RecordWriter out(kVersion);
  out.varint(state.uid_validity).varint(state.through).varint(state.next_segment);
  out.varint(state.segments.size());
  for (const Segment& segment : state.segments) write(out, segment);
  out.varint(state.leaving.size());
  for (const SegmentId id : state.leaving) out.varint(id);
  return out.finish();
}

Result<MailboxState> decode_state(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  MailboxState state;
  state.uid_validity = static_cast<uint32_t>(in.varint());
  state.through = static_cast<Uid>(in.varint());
  state.next_segment = static_cast<SegmentId>(in.varint());
  const uint64_t segments = in.varint();
  for (uint64_t i = 0; i < segments && segments <= kMaxSegments && in.ok(); i++)
    state.segments.push_back(read_segment(in));
  const uint64_t leaving = in.varint();
  for (uint64_t i = 0; i < leaving && leaving <= kMaxSegments && in.ok(); i++)
    state.leaving.push_back(static_cast<SegmentId>(in.varint()));
  if (!in.ok()) return std::unexpected(in.fault("a mailbox of the search index"));
  if (state.segments.size() != segments || state.leaving.size() != leaving)
    return fail(FaultKind::corrupt, "too many segments in the search index");
  return state;
}

std::string encode(const SegmentLetters& letters) {
  engine::RecordWriter out(kVersion);
  out.varint(letters.uids.size());
  Uid before = 0;
  for (size_t i = 0; i < letters.uids.size(); i++) {
    out.varint(uint64_t{letters.uids[i] - before} << 1 | (letters.opaque[i] ? 1u : 0u));
    before = letters.uids[i];
  }
  return out.finish();
}

Result<SegmentLetters> decode_letters(std::string_view record) {
  engine::RecordReader in(record, kVersion);
  SegmentLetters letters;
  const uint64_t count = in.varint();
  if (count > record.size()) return fail(FaultKind::corrupt, "letters of a segment of the search index");
  letters.uids.reserve(count);
  letters.opaque.reserve(count);
  uint64_t uid = 0;
  for (uint64_t i = 0; i < count && in.ok(); i++) {
    const uint64_t step = in.varint();
    uid += step >> 1;
    letters.uids.push_back(static_cast<Uid>(uid));
    letters.opaque.push_back((step & 1) != 0);
  }
  if (!in.ok()) return std::unexpected(in.fault("letters of a segment of the search index"));
  return letters;
}

void ChunkWriter::add(Dict dict, std::string_view term, std::string_view postings) {
  const bool full = terms_.size() >= kChunkTerms || postings_.size() >= kChunkPostings;
  if (!terms_.empty() && (dict != dict_ || full)) flush();
  if (terms_.empty()) {
    dict_ = dict;
    first_ = term;
    terms_.push_back('\0');
  }
  terms_.append(term).push_back('\0');
  append_varint(postings_, postings.size());
  postings_ += postings;
}

void ChunkWriter::flush() {
  if (terms_.empty()) return;
  Row terms{terms_prefix(mailbox_, segment_, dict_) + first_, std::exchange(terms_, {})};
  Row postings{postings_prefix(mailbox_, segment_, dict_) + first_, std::exchange(postings_, {})};
  bytes_ += terms.key.size() + terms.value.size() + postings.key.size() + postings.value.size();
  rows_.push_back(std::move(terms));
  rows_.push_back(std::move(postings));
}

bool split_terms(std::string_view row, std::vector<std::string_view>& out) {
  if (row.size() < 2 || row.front() != '\0' || row.back() != '\0') return false;
  row.remove_prefix(1);
  while (!row.empty()) {
    const size_t end = row.find('\0');
    out.push_back(row.substr(0, end));
    row.remove_prefix(end + 1);
  }
  return true;
}

bool split_postings(std::string_view row, std::vector<std::string_view>& out) {
  bool ok = true;
  while (!row.empty()) {
    const uint64_t size = read_varint(row, ok);
    if (!ok || size > row.size()) return false;
    out.push_back(row.substr(0, size));
    row.remove_prefix(size);
  }
  return true;
}

}  // namespace posthouse::search
