// Makes a damaged table readable again: one changed bit is put right, and a block that can't be read any more
// becomes one without rows. Then compaction passes over it, and the rows of all other blocks are there.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "engine/damage_notes.h"

namespace rocksdb {
class Status;
}

namespace posthouse::engine {

// A table as the manifest knows it.
struct KnownTable {
  std::string name;  // "000009.sst"
  uint64_t size = 0;
  std::string smallest, largest;  // keys
  bool chunks = false;            // of the chunks of blobs
};

struct MendedTable {
  size_t restored = 0;  // blocks that lost nothing
  size_t emptied = 0;   // blocks whose rows are gone
  bool filter = false;  // its filter is not used any more
  bool end = false;     // its footer was made anew, nothing is lost by that
  bool whole = false;   // all rows are gone
  bool sound() const { return restored == 0 && emptied == 0 && !filter && !end && !whole; }
};

// Whether each block of it can be read.
rocksdb::Status verify_table(const std::string& path);

// Everything that is overwritten is in `aside` before, and where rows may be missing in `notes`.
Result<MendedTable> mend_table(const KnownTable& table, const DamageNotes& notes, KeptAside& aside);

}  // namespace posthouse::engine
