// The open RocksDB files and how partitions become keys in them. Shared by the rocks_*.cpp files only.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "engine/damage_notes.h"
#include "engine/engine.h"
#include "engine/rocks_engine.h"

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Env;
class Snapshot;
class Status;
}  // namespace rocksdb

namespace posthouse::engine {

// Owns the database; closes it when destroyed. Thread-safe.
class RocksDatabase {
 public:
  // See open_rocks_engine().
  static Result<std::unique_ptr<RocksDatabase>> open(const RocksOptions& options);
  ~RocksDatabase();
  RocksDatabase(const RocksDatabase&) = delete;
  RocksDatabase& operator=(const RocksDatabase&) = delete;

  // Writes out what is in memory and lets erased rows meet what they erase, so that files that nothing refers
  // to any more go. Values stay where they are: a disk that is nearly full has no room for second copies.
  Result<void> compact();

  // Links all files, as they are at one moment, into `folder`, which is made.
  Result<void> link_files(const std::string& folder) const;

  // Notes for the next start what RocksDB has stumbled over. False when that start could not mend it either,
  // since this one has tried in vain.
  bool note_damage(const rocksdb::Status& damage) const;
  // The same for a table that a reader has stumbled over: the next start mends it, whenever that is.
  void note_unreadable(const rocksdb::Status& status) const;

  rocksdb::DB& db() const { return *db_; }
  // Small rows and the chunks of blobs live in column families of their own: chunks go to blob files.
  rocksdb::ColumnFamilyHandle* rows() const { return rows_; }
  rocksdb::ColumnFamilyHandle* chunks() const { return chunks_; }
  rocksdb::ColumnFamilyHandle* family(PartitionKind kind) const {
    return kind == PartitionKind::blob ? chunks_ : rows_;
  }

 private:
  explicit RocksDatabase(const RocksOptions& options);
  static Result<std::unique_ptr<RocksDatabase>> open_once(const RocksOptions& options);
  Result<void> check_format(bool read_only);

  DamageNotes notes_;
  bool writable_ = false;
  bool lenient_ = false;
  std::set<std::string> in_vain_;  // suspects that this start could do nothing with
  mutable std::mutex suspects_mutex_;
  mutable std::set<std::string> suspects_;  // that readers have noted, with the lock
  std::unique_ptr<rocksdb::Env> files_;
  std::unique_ptr<rocksdb::Env> env_;  // with those
  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* rows_ = nullptr;
  rocksdb::ColumnFamilyHandle* chunks_ = nullptr;
};

inline constexpr char kChunksFamily[] = "chunks";

// A key in RocksDB: the partition's kind (1 byte) and id (8 bytes, big-endian), then the row's key.
constexpr size_t kPartitionPrefix = 9;
std::string row_key(Partition partition, std::string_view key);
// The first key behind the partition.
std::string partition_end(Partition partition);
// The end of a range as Reader::scan means it: "" stands for the end of the partition.
std::string range_end(Partition partition, std::string_view end);

// `no_space`, `corrupt` or `io`.
Fault to_fault(const rocksdb::Status& status, std::string_view what);

}  // namespace posthouse::engine
