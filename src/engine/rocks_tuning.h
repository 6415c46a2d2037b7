// RocksDB's options for mail. Included by rocks_*.cpp only: it pulls in RocksDB's headers.
#pragma once

#include <memory>

#include <rocksdb/options.h>

#include "engine/rocks_engine.h"

namespace rocksdb {
class Cache;
class Env;
}  // namespace rocksdb

namespace posthouse::engine {

// What a letter costs decides: its bytes are written twice (log, then blob file) and its rows as seldom as
// the memory budget allows; nothing is counted or sampled.
class RocksTuning {
 public:
  // What earlier damage has left (engine/damage_notes.h).
  struct Scars {
    bool stand_ins = false;
    bool keep_blobs = false;
  };
  RocksTuning(const RocksOptions& options, Scars scars);
  rocksdb::DBOptions database() const;
  rocksdb::ColumnFamilyOptions rows() const;
  rocksdb::ColumnFamilyOptions chunks() const;

 private:
  rocksdb::ColumnFamilyOptions common() const;

  uint64_t budget_;
  Compression compression_;
  bool create_;
  Scars scars_;
  rocksdb::Env* env_;
  std::shared_ptr<rocksdb::Cache> cache_;
};

}  // namespace posthouse::engine
