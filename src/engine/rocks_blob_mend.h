// Makes damaged values in a blob file of RocksDB readable again, as values that nobody takes for a chunk of a
// letter: then the collection of garbage can move them, and the letter they belong to still is damaged.
//
//   file     header 30 bytes: magic, version, family, flags, compression, times
//            records
//            footer 32 bytes: magic, count of records, times, CRC
//   record   size of key (8), size of value (8), time (8), CRC of those (4), CRC of key and value (4), key,
//            value
// Numbers are little-endian, CRCs are CRC-32C, masked.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "engine/damage_notes.h"

namespace posthouse::engine {

struct MendedBlobs {
  size_t restored = 0;  // records, headers and footers that lost nothing
  size_t values = 0;    // that are gone
  size_t left = 0;      // what could not be mended
};

Result<MendedBlobs> mend_blob_file(const std::string& path, KeptAside& aside);

// A value of exactly `size` bytes as RocksDB stores it with this type of compression; "" when there is none.
std::string empty_value(size_t size, unsigned char compression);

}  // namespace posthouse::engine
