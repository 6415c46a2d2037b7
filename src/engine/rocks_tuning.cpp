#include "engine/rocks_tuning.h"

#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "base/log.h"
#include "engine/rocks_database.h"

namespace posthouse::engine {

namespace {

constexpr int kMaxOpenFiles = 512;
constexpr int kBackgroundJobs = 2;
constexpr uint64_t kSyncEvery = 1 << 20;  // of background files, so that a flush of ours never waits for much
constexpr uint64_t kBlobFile = 128ull << 20;
constexpr uint64_t kMinBlob = 1024;  // smaller values are cheaper inside the tree
constexpr double kGarbageAge = 0.25;
constexpr double kGarbageForce = 0.5;
constexpr double kBloomBits = 10;
constexpr size_t kTablePrefix = kPartitionPrefix + 5;  // partition, table, number
constexpr size_t kBlock = 8 * 1024;
constexpr int kRowsLevel = 1;  // of zstd

rocksdb::CompressionType type_of(Compression compression) {
  switch (compression) {
    case Compression::none:
      return rocksdb::kNoCompression;
    case Compression::lz4:
      return rocksdb::kLZ4Compression;
    case Compression::zstd:
      return rocksdb::kZSTD;
  }
  return rocksdb::kLZ4Compression;
}

// RocksDB's warnings in our log.
class LogBridge final : public rocksdb::Logger {
 public:
  LogBridge() : Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}
  using Logger::Logv;
  void LogHeader(const char*, va_list) override {}
  void Logv(const char*, va_list) override {}
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    if (level < rocksdb::InfoLogLevel::WARN_LEVEL || level >= rocksdb::InfoLogLevel::HEADER_LEVEL) return;
    char text[1024];
    std::vsnprintf(text, sizeof text, format, arguments);
    // What every snapshot does is no reason for concern.
    if (std::strstr(text, "File Deletions ") != nullptr) return;
    if (level == rocksdb::InfoLogLevel::WARN_LEVEL) {
      log::warn("engine.rocksdb", {{"what", text}});
    } else {
      log::error("engine.rocksdb", {{"what", text}});
    }
  }
};

}  // namespace

RocksTuning::RocksTuning(const RocksOptions& options, Scars scars)
    : budget_(options.memory_budget),
      compression_(options.compression),
      create_(options.create),
      scars_(scars),
      env_(options.env),
      cache_(rocksdb::NewLRUCache(options.memory_budget / 4)) {}

rocksdb::DBOptions RocksTuning::database() const {
  rocksdb::DBOptions db;
  if (env_ != nullptr) db.env = env_;
  db.create_if_missing = create_;
  db.create_missing_column_families = true;
  db.info_log = std::make_shared<LogBridge>();
  db.max_open_files = kMaxOpenFiles;
  db.max_background_jobs = kBackgroundJobs;
  db.bytes_per_sync = kSyncEvery;
  db.max_total_wal_size = budget_;
  // One thread writes.
  db.allow_concurrent_memtable_write = false;
  db.enable_write_thread_adaptive_yield = false;
  // A crash may cut the log's last record off: it was not synced, so nothing in it was acknowledged. Anything
  // else that can't be read is damage, and is told (RocksDatabase::open).
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.avoid_unnecessary_blocking_io = true;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.skip_stats_update_on_db_open = true;
  // A table that stands for a lost one is not the one that the manifest knows.
  db.verify_sst_unique_id_in_manifest = !scars_.stand_ins;
  return db;
}

rocksdb::ColumnFamilyOptions RocksTuning::common() const {
  rocksdb::ColumnFamilyOptions family;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.block_size = kBlock;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBits));
  table.format_version = 5;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.max_write_buffer_number = 4;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

// A quarter of the budget is cache; four buffers of chunks are a half, four of rows a quarter.
rocksdb::ColumnFamilyOptions RocksTuning::rows() const {
  rocksdb::ColumnFamilyOptions family = common();
  family.write_buffer_size = budget_ / 16;
  // Rows pack well, and are few beside the bodies: level 1 takes a third off what LZ4 leaves of them, and its
  // time does not show in a letter's.
  const bool packed = compression_ != Compression::none;
  family.compression = packed ? rocksdb::kZSTD : rocksdb::kNoCompression;
  family.compression_opts.level = kRowsLevel;
  // New rows of a mailbox come in order: each is put beside the last one of its table.
  family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(kTablePrefix));
  return family;
}

rocksdb::ColumnFamilyOptions RocksTuning::chunks() const {
  rocksdb::ColumnFamilyOptions family = common();
  family.write_buffer_size = budget_ / 8;
  family.compression = type_of(compression_);
  // Blobs come in the order of their ids.
  family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(1));
  family.enable_blob_files = true;
  family.min_blob_size = kMinBlob;
  family.blob_file_size = kBlobFile;
  family.blob_compression_type = type_of(compression_);
  family.enable_blob_garbage_collection = !scars_.keep_blobs;
  family.blob_garbage_collection_age_cutoff = kGarbageAge;
  family.blob_garbage_collection_force_threshold = kGarbageForce;
  return family;
}

}  // namespace posthouse::engine
