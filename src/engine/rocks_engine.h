// The embedded engine: RocksDB, one committer thread that merges what waits into one synced batch.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"

namespace rocksdb {
class Env;
}

namespace posthouse::engine {

// What is written from now on; what is there is read in any case.
enum class Compression : unsigned char {
  none,
  lz4,   // costs hardly anything
  zstd,  // a quarter smaller, at several times the processor time
};

struct RocksOptions {
  std::string directory;
  bool create = false;                    // make a store where there is none
  uint64_t memory_budget = 256ull << 20;  // block cache plus write buffers, bytes
  uint64_t space_reserve = 64ull << 20;   // transact() fails with no_space when the disk has less free
  Compression compression = Compression::lz4;
  bool sync = true;  // false only for tests that measure something else
  size_t reading_threads = 2;
  bool read_only = false;
  bool lenient =
      false;  // with read_only: open also what is damaged; what can't be read is so when it is read
  rocksdb::Env* env = nullptr;  // the files; null: the system's. Outlives the engine
};

// Opens the store, or makes one with `create`. Fails with `not_found` when there is none (an empty folder may
// be a disk that is not mounted: nothing is made by itself), `temporary` when another process has it open
// (the fault names the process where that can be found out), `corrupt` with advice when its format version is
// unknown or its files are damaged. A log that is damaged before its end does not stop it: what was read up
// to there counts, the log is kept aside, and Engine::damage() tells.
Result<std::unique_ptr<Engine>> open_rocks_engine(const RocksOptions& options);

}  // namespace posthouse::engine
