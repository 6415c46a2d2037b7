#include "engine/blob_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "base/id.h"
#include "engine/record.h"

namespace posthouse::engine {

namespace {

constexpr uint8_t kHeadVersion = 1;
constexpr uint8_t kChunkVersion = 1;
constexpr uint8_t kReferenceVersion = 1;

std::string key_of(std::string_view prefix, uint64_t id) {
  std::string key(prefix);
  append_key_u64(key, id);
  return key;
}

std::string name_of(BlobId id) {
  return fmt::format("blob {}", format_id(id));
}

}  // namespace

std::string chunk_key(uint32_t index) {
  std::string key(kChunkBegin);
  append_key_u32(key, index);
  return key;
}

std::string reference_key(std::string_view reference) {
  std::string key(kReferenceBegin);
  key.append(reference);
  return key;
}

std::string dropped_hint(BlobId id) {
  return key_of(kDroppedHint, id);
}
std::string unfinished_hint(BlobId id) {
  return key_of(kUnfinishedHint, id);
}

uint64_t chain_checksum(uint64_t state, std::string_view chunk) {
  return XXH3_64bits_withSeed(chunk.data(), chunk.size(), state);
}

std::string encode_head(const BlobHead& head) {
  return RecordWriter(kHeadVersion)
      .varint(head.size)
      .varint(head.chunks)
      .varint(head.checksum)
      .bytes(head.inlined)
      .finish();
}

Result<BlobHead> decode_head(BlobId id, std::string_view record) {
  RecordReader reader(record, kHeadVersion);
  BlobHead head;
  head.size = reader.varint();
  const uint64_t chunks = reader.varint();
  head.checksum = reader.varint();
  head.inlined = reader.bytes();
  head.chunks = static_cast<uint32_t>(chunks);
  const uint64_t expected = head.size <= kBlobChunk ? 0 : (head.size + kBlobChunk - 1) / kBlobChunk;
  const bool fits = chunks == expected && (chunks != 0 || head.inlined.size() == head.size);
  if (!reader.ok() || !fits) return std::unexpected(reader.fault(name_of(id)));
  return head;
}

std::string chunk_record(std::string_view bytes) {
  return RecordWriter(kChunkVersion).bytes(bytes).finish();
}

Result<std::string_view> decode_chunk(BlobId id, std::string_view record) {
  RecordReader reader(record, kChunkVersion);
  const std::string_view bytes = reader.bytes();
  if (!reader.ok()) return std::unexpected(reader.fault(name_of(id) + " chunk"));
  return bytes;
}

const std::string& reference_record() {
  static const std::string record = RecordWriter(kReferenceVersion).finish();
  return record;
}

}  // namespace posthouse::engine
