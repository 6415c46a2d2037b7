// Makes damaged values in a blob file of RocksDB readable again, as values that nobody takes for a chunk of a
// letter: then the collection of garbage can move them, and the letter they belong to still is damaged.
// What such a file looks like: rocks_blob_layout.h.
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
