#include "engine/rocks_mending.h"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>
#include <rocksdb/db.h>
#include <rocksdb/metadata.h>

#include "base/log.h"
#include "base/metrics.h"
#include "engine/rocks_blob_mend.h"
#include "engine/rocks_database.h"
#include "engine/rocks_lock.h"
#include "engine/rocks_table_mend.h"
#include "engine/rocks_tuning.h"

namespace posthouse::engine {

namespace {

const metrics::Counter& blocks_total() {
  static const metrics::Counter counter("posthouse_engine_damaged_blocks_total",
                                        "Blocks of the store's files that were damaged and mended.");
  return counter;
}

struct KnownFiles {
  std::vector<KnownTable> tables;
  std::vector<std::string> blobs;  // names, oldest first
};

std::string bare(const std::string& name) {
  return name.starts_with('/') ? name.substr(1) : name;
}

// What the manifest lists. With paranoid checks off a table that is damaged does not matter for that.
Result<KnownFiles> list_files(const RocksOptions& options, const DamageNotes& notes) {
  const RocksTuning tuning(options, {.stand_ins = true});
  rocksdb::DBOptions database = tuning.database();
  database.paranoid_checks = false;
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(
      database, notes.directory(),
      {{rocksdb::kDefaultColumnFamilyName, tuning.rows()}, {kChunksFamily, tuning.chunks()}}, &handles,
      &opened);
  if (!status.ok()) return std::unexpected(to_fault(status, "cannot list the store's files"));
  const std::unique_ptr<rocksdb::DB> db(opened);
  KnownFiles out;
  std::vector<rocksdb::LiveFileMetaData> live;
  db->GetLiveFilesMetaData(&live);
  for (const auto& file : live) {
    out.tables.push_back({bare(file.name), file.size, file.smallestkey, file.largestkey,
                          file.column_family_name == kChunksFamily});
  }
  rocksdb::ColumnFamilyMetaData family;
  db->GetColumnFamilyMetaData(handles[1], &family);
  for (const auto& blob : family.blob_files) out.blobs.push_back(bare(blob.blob_file_name));
  std::ranges::sort(out.blobs);
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  return out;
}

using Loss = KeptAside::Loss;

class Mender {
 public:
  Mender(const DamageNotes& notes, KnownFiles files)
      : notes_(notes), files_(std::move(files)), aside_(notes.directory()) {}

  Result<Mending> run();

 private:
  bool suspected(const std::string& name) const;
  Result<void> mend(const KnownTable& table);
  Result<void> mend_blobs();
  std::string kept() const { return aside_.empty() ? "" : fmt::format("; kept in {}", aside_.folder()); }

  const DamageNotes& notes_;
  const KnownFiles files_;
  KeptAside aside_;
  std::vector<std::string> suspects_;
  bool mended_ = false;
};

Result<Mending> Mender::run() {
  suspects_ = notes_.suspects();
  for (const KnownTable& table : files_.tables) {
    if (!suspected(table.name)) continue;
    if (Result<void> done = mend(table); !done) return std::unexpected(done.error());
  }
  if (suspected(std::string(kSuspectBlobs)) && !notes_.keeps_blobs()) {
    if (Result<void> done = mend_blobs(); !done) return std::unexpected(done.error());
  }
  notes_.forget_suspects();
  return mended_ ? Mending::mended : Mending::in_vain;
}

bool Mender::suspected(const std::string& name) const {
  return std::ranges::find(suspects_, name) != suspects_.end() ||
         std::ranges::find(suspects_, kSuspectEverything) != suspects_.end();
}

Result<void> Mender::mend(const KnownTable& table) {
  const Result<MendedTable> done = mend_table(table, notes_, aside_);
  if (!done) return std::unexpected(done.error());
  if (done->sound()) return {};
  mended_ = true;
  blocks_total().add(
      static_cast<double>(done->restored + done->emptied + (done->filter ? 1 : 0) + (done->end ? 1 : 0)));
  const std::string where = fmt::format("{}/{}", notes_.directory(), table.name);
  if (done->whole) {
    aside_.tell(fmt::format("all rows of {} are lost, it could not be opened{}", where, kept()), Loss::some);
  } else if (done->emptied > 0) {
    aside_.tell(fmt::format("the rows of {} blocks of {} are lost{}", done->emptied, where, kept()),
                Loss::some);
  }
  if (done->restored > 0) {
    aside_.tell(
        fmt::format("{} blocks of {} had one wrong bit each: nothing is lost, look at the disk and the "
                    "memory{}",
                    done->restored, where, kept()),
        Loss::none);
  }
  if (done->end)
    aside_.tell(fmt::format("the end of {} was damaged: nothing is lost{}", where, kept()), Loss::none);
  if (done->filter)
    aside_.tell(fmt::format("the filter of {} was damaged: nothing is lost{}", where, kept()), Loss::none);
  return {};
}

// Garbage is collected in the oldest quarter of the blob files, so what stumbled is there. If nothing is
// found, or not all of it can be mended, values stay where they are from now on: that costs room on the disk,
// nothing else.
Result<void> Mender::mend_blobs() {
  const size_t looked_at = std::min(files_.blobs.size(), files_.blobs.size() / 4 + 2);
  MendedBlobs sum;
  for (size_t i = 0; i < looked_at; ++i) {
    const std::string& name = files_.blobs[i];
    const auto done = mend_blob_file(notes_.file(name), aside_);
    if (!done && done.error().kind != FaultKind::not_found) return std::unexpected(done.error());
    const MendedBlobs mended = done ? *done : MendedBlobs{0, 0, 1};
    log::info("engine.blobs_checked", {{"file", name}, {"of", looked_at}});
    sum.restored += mended.restored;
    sum.values += mended.values;
    sum.left += mended.left;
    if (mended.values > 0)
      aside_.tell(fmt::format("{} values of {} are lost{}", mended.values, notes_.file(name), kept()),
                  Loss::some);
    if (mended.restored > 0)
      aside_.tell(fmt::format("{} was mended and has lost nothing{}", notes_.file(name), kept()), Loss::none);
    if (mended.left > 0)
      aside_.tell(fmt::format("{} is damaged and can't be mended", notes_.file(name)), Loss::some);
  }
  blocks_total().add(static_cast<double>(sum.restored + sum.values));
  const bool something = sum.restored + sum.values > 0;
  const bool stumbled = std::ranges::find(suspects_, kSuspectBlobs) != suspects_.end();
  mended_ = mended_ || something || stumbled;
  if (sum.left == 0 && (something || !stumbled)) return {};
  aside_.tell(
      fmt::format("room of deleted letters is not given back any more in full, so that damaged values are "
                  "left alone: restore a backup, or remove {} to try again",
                  notes_.file("KEEP-BLOBS")),
      Loss::none);
  return notes_.keep_blobs();
}

}  // namespace

Result<Mending> mend_suspects(const RocksOptions& options, const DamageNotes& notes) {
  if (notes.suspects().empty()) return Mending::nothing_to_do;
  const StoreLock lock(notes.file("LOCK"));
  if (!lock) return Mending::nothing_to_do;  // opening it will tell who has it
  Result<KnownFiles> files = list_files(options, notes);
  if (!files) return std::unexpected(files.error());
  return Mender(notes, std::move(*files)).run();
}

}  // namespace posthouse::engine
