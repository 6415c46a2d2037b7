#include "engine/rocks_database.h"

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <sys/stat.h>

#include "base/log.h"
#include "engine/record.h"
#include "engine/rocks_blob_files.h"
#include "engine/rocks_checksum.h"
#include "engine/rocks_files.h"
#include "engine/rocks_links.h"
#include "engine/rocks_lock.h"
#include "engine/rocks_log_list.h"
#include "engine/rocks_log_mend.h"
#include "engine/rocks_mending.h"
#include "engine/rocks_tuning.h"

namespace posthouse::engine {

namespace {

// Raise it when rows can no longer be read by an older program. A store of an earlier format becomes one of
// this at its first start. 2: expunged messages that may come back, counts of domains. 3: changes that share
// rows. 4: expunged messages whose rows are still there.
// 5: annotations. 6: rights of others, shared accounts, flags that are not in their rows yet,
// annotations of deleted mailboxes.
constexpr uint64_t kFormat = 6;
constexpr int kMostTables = 1000;  // that are mended before it opens
constexpr uint8_t kFormatRecord = 1;
constexpr std::string_view kFormatKey = "format";
constexpr Partition kFormatPartition{PartitionKind::system, 0};

Result<uint64_t> judge_format(std::string_view row) {
  RecordReader reader(row, kFormatRecord);
  const uint64_t format = reader.varint();
  if (reader.ok() && format >= 1 && format <= kFormat) return format;
  if (reader.ok() || reader.version() > kFormatRecord) {
    return fail(
        FaultKind::corrupt,
        fmt::format("the store was written in format {} and this program knows up to {}: start the newer "
                    "program that wrote it, or restore a backup made with this one",
                    format, kFormat));
  }
  return fail(FaultKind::corrupt, "the store's format row is damaged: restore the store from a backup (" +
                                      reader.fault("format row").what + ")");
}

Fault open_fault(const rocksdb::Status& status, const std::string& directory) {
  const std::string text = status.ToString();
  // A lock file that can't even be opened is no lock that somebody holds: waiting does not mend it.
  const bool opened = text.find("while open a file for lock") == std::string::npos;
  if (status.IsIOError() && opened && text.find("lock") != std::string::npos) {
    return Fault{FaultKind::temporary, describe_lock(directory, text)};
  }
  Fault fault = to_fault(status, fmt::format("cannot open the store in {}", directory));
  if (status.IsIOError() && text.find("Permission denied") != std::string::npos) {
    fault.kind = FaultKind::policy;
    fault.what += "; does it belong to another user?";
  }
  const bool listless =
      text.find("No such file") != std::string::npos && text.find("MANIFEST-") != std::string::npos;
  if (fault.kind == FaultKind::io && listless) fault.kind = FaultKind::corrupt;
  if (fault.kind == FaultKind::corrupt)
    fault.what += "; restore it from a backup, or save what can be read with `posthouse store salvage`";
  return fault;
}

}  // namespace

std::string row_key(Partition partition, std::string_view key) {
  std::string out;
  out.reserve(kPartitionPrefix + key.size());
  out.push_back(static_cast<char>(partition.kind));
  append_key_u64(out, partition.id);
  out.append(key);
  return out;
}

std::string partition_end(Partition partition) {
  if (partition.id != UINT64_MAX) return row_key({partition.kind, partition.id + 1}, "");
  return std::string(1, static_cast<char>(static_cast<unsigned char>(partition.kind) + 1));
}

std::string range_end(Partition partition, std::string_view end) {
  return end.empty() ? partition_end(partition) : row_key(partition, end);
}

Fault to_fault(const rocksdb::Status& status, std::string_view what) {
  FaultKind kind = FaultKind::io;
  if (status.IsNoSpace()) kind = FaultKind::no_space;
  if (status.IsCorruption()) kind = FaultKind::corrupt;
  return Fault{kind, fmt::format("{}: {}", what, status.ToString())};
}

namespace {

std::unexpected<Fault> no_rights(const std::string& directory) {
  return fail(FaultKind::policy,
              fmt::format("the store in {} can't be read: Permission denied; does it belong to another user?",
                          directory));
}

// RocksDB would make a new store out of both, and remove the files of the old one that it does not know.
Result<void> check_files(const RocksOptions& options) {
  switch (look_at_store(options.directory)) {
    case StoreFiles::whole:
      return {};
    case StoreFiles::headless:
      if (options.lenient) return {};  // opening it fails
      return fail(
          FaultKind::corrupt,
          fmt::format("the store in {} has lost its file CURRENT and nothing was changed: restore it from a "
                      "backup, or save what can be read with `posthouse store salvage`",
                      options.directory));
    case StoreFiles::hidden:
      return no_rights(options.directory);
    case StoreFiles::none:
      break;
  }
  if (options.create && !options.read_only) {
    // RocksDB makes it, too, but complains of it before. What is in the way it tells.
    static_cast<void>(::mkdir(options.directory.c_str(), S_IRWXU | S_IRGRP | S_IXGRP | S_IROTH | S_IXOTH));
    return {};
  }
  return fail(FaultKind::not_found,
              fmt::format("there is no store in {}: is its disk mounted, is the path right? "
                          "`posthouse store create` makes a new one",
                          options.directory));
}

struct Opened {
  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
};

rocksdb::Status open_files(const RocksOptions& options, rocksdb::WALRecoveryMode mode, Opened& to) {
  const DamageNotes notes(options.directory);
  const RocksTuning tuning(options, {.stand_ins = notes.has_stand_ins(), .keep_blobs = notes.keeps_blobs()});
  rocksdb::DBOptions database = tuning.database();
  database.wal_recovery_mode = mode;
  log::debug("engine.checksums", {{"whose", rocks_uses_our_crc32c() ? "ours" : "RocksDB's"}});
  rocksdb::ColumnFamilyOptions rows = tuning.rows();
  rocksdb::ColumnFamilyOptions chunks = tuning.chunks();
  if (options.lenient) {
    database.paranoid_checks = false;
    database.verify_sst_unique_id_in_manifest = false;
    database.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    rows.force_consistency_checks = chunks.force_consistency_checks = false;
  }
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, rows},
      {kChunksFamily, chunks},
  };
  return options.read_only
             ? rocksdb::DB::OpenForReadOnly(database, options.directory, families, &to.handles, &to.db)
             : rocksdb::DB::Open(database, options.directory, families, &to.handles, &to.db);
}

// The log can't be read to its end. What stands before the damage counts, so the store opens with that.
rocksdb::Status open_up_to_damage(const RocksOptions& options, const rocksdb::Status& damage, Opened& to) {
  std::string kept;
  if (!options.read_only) {
    Result<std::string> folder = keep_damaged_log(options.directory);
    if (!folder) {
      log::error("engine.log_not_kept", {{"reason", folder.error().what}});
      return damage;
    }
    kept = *folder;
  }
  const rocksdb::Status status = open_files(options, rocksdb::WALRecoveryMode::kPointInTimeRecovery, to);
  if (status.ok()) {
    log::error("engine.log_damaged", {{"what", damage.ToString()}, {"kept", kept}});
  } else if (!kept.empty()) {
    forget_damaged_log(kept);  // it was not the log alone
  }
  return status;
}

// What an earlier run has noted is mended first, then what is in the way of opening. `in_vain`: suspects with
// which nothing could be done.
rocksdb::Status open_mended(const RocksOptions& options, const DamageNotes& notes, Opened& to,
                            std::set<std::string>& in_vain) {
  for (int tables = 0;; ++tables) {
    if (!options.read_only) {
      const std::vector<std::string> suspects = notes.suspects();
      const Result<Mending> mended = mend_suspects(options, notes);
      if (!mended) log::error("engine.not_mended", {{"what", mended.error().what}});
      if (!mended || *mended == Mending::in_vain) in_vain.insert(suspects.begin(), suspects.end());
    }
    rocksdb::Status status = open_files(options, rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords, to);
    if (!status.IsCorruption() || options.read_only || tables == kMostTables) return status;
    const std::string suspect = suspect_of(status.ToString());
    if (!suspect.ends_with(".sst") || in_vain.contains(suspect) || !notes.suspect(suspect)) return status;
  }
}

}  // namespace

Result<std::unique_ptr<RocksDatabase>> RocksDatabase::open(const RocksOptions& options) {
  if (auto files = check_files(options); !files) return std::unexpected(files.error());
  if (!options.read_only) {
    // RocksDB would take what it can read of the logs, and remove them.
    if (auto mended = mend_logs(options); !mended) return std::unexpected(mended.error());
  }
  auto opened = open_once(options);
  // The row of the format was in a damaged block.
  if (!opened && !options.read_only && !DamageNotes(options.directory).suspects().empty())
    opened = open_once(options);
  return opened;
}

Result<std::unique_ptr<RocksDatabase>> RocksDatabase::open_once(const RocksOptions& asked) {
  Opened files;
  std::unique_ptr<RocksDatabase> opened(new RocksDatabase(asked));
  RocksOptions options = asked;
  options.env = opened->env_.get();
  opened->writable_ = !options.read_only;
  opened->lenient_ = options.lenient;
  rocksdb::Status status = open_mended(options, opened->notes_, files, opened->in_vain_);
  if (status.IsCorruption()) status = open_up_to_damage(options, status, files);
  // Neither the log nor a table that has a name in the message: then all of them are looked at.
  const std::string everything(kSuspectEverything);
  if (status.IsCorruption() && !options.read_only && opened->notes_.suspect(everything)) {
    status = open_mended(options, opened->notes_, files, opened->in_vain_);
    if (status.IsCorruption()) opened->notes_.forget_suspects();
  }
  if (!status.ok()) return std::unexpected(open_fault(status, options.directory));
  opened->db_.reset(files.db);
  opened->rows_ = files.handles[0];
  opened->chunks_ = files.handles[1];
  Result<void> format = opened->check_format(options.read_only);
  if (!format) return std::unexpected(format.error());
  return opened;
}

RocksDatabase::RocksDatabase(const RocksOptions& options)
    : notes_(options.directory),
      files_(complete_blob_files(options.env)),
      env_(list_logs(files_.get(), options.directory)) {}

RocksDatabase::~RocksDatabase() {
  if (!db_) return;
  db_->DestroyColumnFamilyHandle(chunks_);
  db_->DestroyColumnFamilyHandle(rows_);
  db_->Close();
  db_.reset();  // before the files it works with
}

// A file that is missing is damage, too.
bool RocksDatabase::note_damage(const rocksdb::Status& damage) const {
  const std::string text = damage.ToString();
  const bool missing = text.find("No such file") != std::string::npos;
  if (!damage.IsCorruption() && !missing) return true;  // the disk failed: another start may see it work
  const std::string suspect = suspect_of(text);
  const Result<void> noted = notes_.suspect(suspect);
  if (!noted) log::error("engine.not_noted", {{"what", noted.error().what}});
  return noted && !in_vain_.contains(suspect);
}

// Not for blob files: a value that can't be read harms only the letter it belongs to.
void RocksDatabase::note_unreadable(const rocksdb::Status& status) const {
  if (!writable_ || !status.IsCorruption()) return;
  const std::string suspect = suspect_of(status.ToString());
  if (!suspect.ends_with(".sst")) return;
  const std::lock_guard lock(suspects_mutex_);
  if (!suspects_.insert(suspect).second) return;
  const Result<void> noted = notes_.suspect(suspect);
  log::error("engine.table_damaged", {{"what", status.ToString()},
                                      {"advice", noted ? "the next start mends it" : noted.error().what}});
}

Result<void> RocksDatabase::compact() {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kDisable;
  rocksdb::Status status = db_->Flush(rocksdb::FlushOptions(), {rows_, chunks_});
  for (rocksdb::ColumnFamilyHandle* family : {chunks_, rows_}) {
    if (status.ok()) status = db_->CompactRange(options, family, nullptr, nullptr);
  }
  if (status.ok()) return {};
  return std::unexpected(to_fault(status, "cannot compact the store"));
}

// The log is written out first, so that the next snapshot shares those files. What our own notes say of
// mended files belongs to the files.
Result<void> RocksDatabase::link_files(const std::string& folder) const {
  constexpr uint64_t kAlwaysFlush = 0;
  rocksdb::Checkpoint* made = nullptr;
  rocksdb::Status status = rocksdb::Checkpoint::Create(db_.get(), &made);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
  if (status.ok()) status = checkpoint->CreateCheckpoint(folder, kAlwaysFlush);
  if (!status.ok() && status.ToString().find("No such file") != std::string::npos)
    status = link_live_files(*db_, folder);
  if (!status.ok()) return std::unexpected(to_fault(status, "cannot make a snapshot of the store"));
  return notes_.copy_to(folder);
}

Result<void> RocksDatabase::check_format(bool read_only) {
  const std::string key = row_key(kFormatPartition, kFormatKey);
  std::string row;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), rows_, key, &row);
  if (status.ok()) {
    const Result<uint64_t> format = judge_format(row);
    if (!format) return std::unexpected(format.error());
    if (*format == kFormat || read_only) return {};
    log::info("engine.format_raised", {{"from", *format}, {"to", kFormat}});
  } else {
    if (status.IsCorruption() && !read_only) static_cast<void>(note_damage(status));
    if (read_only && lenient_) return {};
    if (!status.IsNotFound()) return std::unexpected(to_fault(status, "cannot read the store's format"));
    if (read_only) return {};
  }
  rocksdb::WriteOptions synced;
  synced.sync = true;
  status = db_->Put(synced, rows_, key, RecordWriter(kFormatRecord).varint(kFormat).finish());
  if (!status.ok()) return std::unexpected(to_fault(status, "cannot write the store's format"));
  return {};
}

}  // namespace posthouse::engine
