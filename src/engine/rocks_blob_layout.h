// How RocksDB lays out a blob file: what is needed to read and mend one that is damaged.
//
//   file     header 30 bytes: magic, version, family, flags, compression, times
//            records
//            footer 32 bytes: magic, count of records, times, CRC
//   record   size of key (8), size of value (8), time (8), CRC of those (4), CRC of key and value (4), key,
//            value
// Numbers are little-endian, CRCs are CRC-32C, masked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::engine {

inline constexpr size_t kBlobFileHeader = 30;
inline constexpr size_t kBlobFileFooter = 32;
inline constexpr size_t kBlobCompressionAt = 13;  // in the file's header
inline constexpr size_t kBlobRecordHeader = 32;
inline constexpr size_t kBlobRecordSizes = 24;   // of it, before the checksums
inline constexpr uint64_t kLargestBlobKey = 64;  // ours have 10 and 14
inline constexpr uint64_t kLargestBlobValue = 8ull << 20;

// RocksDB's numbers of compressions.
inline constexpr unsigned char kBlobPlain = 0;
inline constexpr unsigned char kBlobLz4 = 4;
inline constexpr unsigned char kBlobZstd = 7;

// A CRC over data that has CRCs in it is masked.
inline constexpr uint32_t kCrcMask = 0xa282ead8;
uint32_t masked_crc(std::string_view bytes);

// The same for all files of a store but for the compression: there is only one family with blobs, and their
// values have no times.
std::string blob_file_header(unsigned char compression);
bool is_blob_file_header(std::string_view header);
std::string blob_file_footer(uint64_t records);
bool is_blob_file_footer(std::string_view footer);

struct BlobRecord {
  uint64_t key = 0;  // sizes
  uint64_t value = 0;
  uint64_t size() const { return kBlobRecordHeader + key + value; }
};

// Nothing when its checksum is wrong or a size is none of ours.
std::optional<BlobRecord> read_blob_record(std::string_view header);

// Fails when that much is not there.
using BlobBytes = std::function<Result<std::string>(uint64_t offset, uint64_t length)>;

// Where the first header of a record is that can be read, from `from` on and before `end`.
std::optional<uint64_t> next_blob_record(const BlobBytes& read, uint64_t from, uint64_t end);

// How the values of a file without a header are packed, as the first one that can be read looks.
unsigned char guess_blob_compression(const BlobBytes& read, uint64_t end);

}  // namespace posthouse::engine
