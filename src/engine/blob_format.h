// The rows of a blob (engine/blob.h) and the hints that lead sweep_blobs() to it.
//
//   partition blob/ID   "b"            head: size, chunks, checksum; the bytes themselves when chunks is 0
//                       "c" + u32      one chunk
//                       "r" + name     one reference
//   hints               "blob.d" + u64 lost its last reference, or its writer went
//                       "blob.u" + u64 has chunks put ahead
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/blob.h"

namespace posthouse::engine {

inline constexpr std::string_view kHeadKey = "b";
inline constexpr std::string_view kChunkBegin = "c";
inline constexpr std::string_view kChunkEnd = "d";
inline constexpr std::string_view kReferenceBegin = "r";
inline constexpr std::string_view kReferenceEnd = "s";
inline constexpr std::string_view kDroppedHint = "blob.d";
inline constexpr std::string_view kUnfinishedHint = "blob.u";

struct BlobHead {
  uint64_t size = 0;
  uint32_t chunks = 0;       // rows of chunks; 0: the bytes are in `inlined`
  uint64_t checksum = 0;     // chain_checksum over the chunks in order
  std::string_view inlined;  // points into the record
};

constexpr Partition blob_partition(BlobId id) {
  return {PartitionKind::blob, id};
}
std::string chunk_key(uint32_t index);
std::string reference_key(std::string_view reference);
std::string dropped_hint(BlobId id);
std::string unfinished_hint(BlobId id);

uint64_t chain_checksum(uint64_t state, std::string_view chunk);
std::string encode_head(const BlobHead& head);
Result<BlobHead> decode_head(BlobId id, std::string_view record);
std::string chunk_record(std::string_view bytes);
Result<std::string_view> decode_chunk(BlobId id, std::string_view record);
const std::string& reference_record();  // no fields: the key says it all

}  // namespace posthouse::engine
