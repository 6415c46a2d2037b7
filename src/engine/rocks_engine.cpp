#include "engine/rocks_engine.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <rocksdb/db.h>

#include "base/pool.h"
#include "engine/damage_notes.h"
#include "engine/free_space.h"
#include "engine/record.h"
#include "engine/rocks_committer.h"
#include "engine/rocks_database.h"
#include "engine/rocks_files.h"
#include "engine/rocks_reader.h"
#include "engine/rocks_table_mend.h"
#include "engine/snapshots.h"
#include "engine/watches.h"

namespace posthouse::engine {

namespace {

// Hands a job to the committer and sleeps until it is done.
struct Written {
  RocksCommitter& committer;
  WriteJob& job;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> caller) const {
    job.caller = caller;
    job.home = Executor::current();
    committer.submit(&job);
  }
  void await_resume() const noexcept {}
};

// The partition of a key in RocksDB; `otherwise` when it is none.
Partition partition_of(const std::string& key, Partition otherwise) {
  if (key.size() < kPartitionPrefix || static_cast<unsigned char>(key[0]) > 0x7f) return otherwise;
  return {static_cast<PartitionKind>(key[0]), read_key_u64(std::string_view(key).substr(1))};
}

class RocksEngine final : public Engine {
 public:
  RocksEngine(std::unique_ptr<RocksDatabase> database, const RocksOptions& options)
      : directory_(options.directory),
        database_(std::move(database)),
        reader_(*database_),
        space_(options.directory, options.space_reserve),
        pool_(options.reading_threads, "store-read") {
    if (!options.read_only) {
      committer_ = std::make_unique<RocksCommitter>(*database_, space_, watches_, options.sync);
    }
  }

  Result<std::optional<std::string>> get(Partition partition, std::string_view key) const override {
    return reader_.get(partition, key);
  }
  Result<void> scan(Partition partition, std::string_view begin, std::string_view end,
                    const RowVisitor& visit) const override {
    return reader_.scan(partition, begin, end, visit);
  }
  Result<void> scan_back(Partition partition, std::string_view begin, std::string_view end,
                         const RowVisitor& visit) const override {
    return reader_.scan_back(partition, begin, end, visit);
  }
  Result<void> partitions(PartitionKind kind, uint64_t first, const PartitionVisitor& visit) const override {
    return reader_.partitions(kind, first, visit);
  }

  Task<Result<void>> transact(std::vector<Step> steps) override {
    return run_steps(std::move(steps), /*relaxed=*/false);
  }
  Task<Result<void>> transact_relaxed(std::vector<Step> steps) override {
    return run_steps(std::move(steps), /*relaxed=*/true);
  }

  Task<Result<void>> put_ahead(Partition partition, std::string key, std::string value) override {
    WriteJob job;
    job.kind = WriteJob::Kind::put_ahead;
    job.partition = partition;
    job.key = std::move(key);
    job.value = std::move(value);
    if (!committer_) co_return read_only();
    Written written{*committer_, job};
    co_await written;
    co_return std::move(job.result);
  }

  Task<Result<void>> erase_partition(Partition partition) override {
    WriteJob job;
    job.kind = WriteJob::Kind::erase_partition;
    job.partition = partition;
    if (!committer_) co_return read_only();
    Written written{*committer_, job};
    co_await written;
    co_return std::move(job.result);
  }

  void hint(std::string key) override {
    if (!committer_) return;
    auto job = std::make_unique<WriteJob>();
    job->kind = WriteJob::Kind::put_ahead;
    job->partition = hints_partition();
    job->key = std::move(key);
    committer_->submit(job.release());
  }

  Task<Result<std::optional<std::string>>> fetch(Partition partition, std::string key) override {
    auto found = reader_.get_from_memory(partition, key);
    if (!found) co_return std::unexpected(found.error());
    if (*found) co_return std::move(**found);
    auto from_disk = [this, partition, &key] { return reader_.get(partition, key); };
    auto job = offload(pool_, from_disk);
    Result<std::optional<std::string>> row = co_await job;
    co_return row;
  }

  Task<Result<void>> read(std::function<Result<void>(const Reader&)> read) override {
    auto with_snapshot = [this, &read] { return read_snapshot(read); };
    auto job = offload(pool_, with_snapshot);
    Result<void> done = co_await job;
    co_return done;
  }

  void begin_read(std::function<void(const Reader&)> read) override {
    pool_.submit([this, read = std::move(read)] {
      static_cast<void>(read_snapshot([&read](const Reader& reader) -> Result<void> {
        read(reader);
        return {};
      }));
    });
  }

  std::unique_ptr<Watch> watch(Partition partition, std::function<void()> changed) override {
    return watches_->add(partition, std::move(changed));
  }

  Task<Result<bool>> reclaim_space() override {
    if (!committer_) co_return std::unexpected(read_only().error());
    if (!committer_->take_erased()) co_return false;
    auto compact = [this] { return database_->compact(); };
    auto job = offload(pool_, compact);
    Result<void> done = co_await job;
    space_.refresh();
    if (!done) committer_->keep_erased();
    if (!done) co_return std::unexpected(done.error());
    co_return true;
  }

  Task<Result<void>> make_snapshot(std::string name) override {
    if (!committer_) co_return std::unexpected(read_only().error());
    if (!is_snapshot_name(name)) co_return fail(FaultKind::syntax, name + ": bad name of a snapshot");
    auto link = [this, &name] { return link_snapshot(name); };
    auto job = offload(pool_, link);
    Result<void> done = co_await job;
    co_return done;
  }

  Task<void> remove_stale_snapshots() override {
    auto remove = [this]() -> Result<void> {
      engine::remove_stale_snapshots(directory_, kSnapshotGrace);
      return {};
    };
    auto job = offload(pool_, remove);
    static_cast<void>(co_await job);
  }

  void when_broken(std::function<void(const Fault&)> broken) override {
    if (committer_) committer_->when_broken(std::move(broken));
  }

  std::vector<PartitionRange> lost() const override {
    std::vector<PartitionRange> out;
    for (const KeyRange& range : DamageNotes(directory_).lost()) {
      const Partition first = partition_of(range.begin, Partition{static_cast<PartitionKind>(0), 0});
      const Partition last = partition_of(range.end, Partition{static_cast<PartitionKind>(0x7f), UINT64_MAX});
      out.push_back({first, last});
    }
    return out;
  }

  void forget_lost() override { DamageNotes(directory_).forget_lost(); }

  uint64_t free_space() const override { return space_.usable(); }

  std::vector<Damage> damage() const override {
    std::vector<Damage> out;
    for (const std::string& folder : damaged_folders(directory_)) {
      const std::vector<std::string> told = told_in(folder);
      const bool over = is_over_in(folder);
      for (const std::string& sentence : told) out.push_back({sentence, over});
      if (!told.empty()) continue;
      const char* what = is_of_tables(folder)
                             ? "damaged tables were being mended when the program ended, and what "
                               "was taken out of them is kept in {}: rows may be lost; remove the "
                               "folder when you have looked"
                             : "the store's log could not be read to its end, which is kept in {}: "
                               "letters taken last before that time may be missing; remove the "
                               "folder when you have looked";
      out.push_back({fmt::format(fmt::runtime(what), folder), over});
    }
    return out;
  }

  Task<Result<std::vector<std::string>>> damaged_tables() override {
    std::vector<rocksdb::LiveFileMetaData> files;
    database_->db().GetLiveFilesMetaData(&files);
    std::vector<std::string> out;
    for (const rocksdb::LiveFileMetaData& file : files) {
      rocksdb::Status status;
      auto verify = [&] { status = verify_table(file.directory + file.name); };
      auto job = offload(pool_, verify);
      co_await job;
      if (!status.IsCorruption()) continue;  // also one that is gone since
      database_->note_unreadable(status);
      out.push_back(fmt::format("a table of the store is damaged: {}", status.ToString()));
    }
    co_return out;
  }

  bool has_lost_rows() const override {
    return !std::ranges::all_of(damaged_folders(directory_), is_over_in);
  }

  Result<void> damage_is_over() override {
    for (const std::string& folder : damaged_folders(directory_)) {
      if (auto noted = note_over_in(folder); !noted) return noted;
    }
    return {};
  }

 private:
  static Result<void> read_only() { return fail(FaultKind::policy, "the store is open for reading only"); }

  Task<Result<void>> run_steps(std::vector<Step> steps, bool relaxed) {
    WriteJob job;
    job.steps = std::move(steps);
    job.relaxed = relaxed;
    if (!committer_) co_return read_only();
    Written written{*committer_, job};
    co_await written;
    co_return std::move(job.result);
  }

  Result<void> link_snapshot(const std::string& name) const {
    engine::remove_stale_snapshots(directory_, kSnapshotGrace);
    const std::string folder = std::filesystem::absolute(snapshot_folder(directory_, name)).string();
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), error);
    if (error) return fail(FaultKind::io, fmt::format("{}: {}", folder, error.message()));
    if (std::filesystem::exists(folder, error)) return fail(FaultKind::exists, folder + " is there already");
    Result<void> linked = database_->link_files(folder);
    if (!linked) std::filesystem::remove_all(folder, error);
    return linked;
  }

  Result<void> read_snapshot(const std::function<Result<void>(const Reader&)>& read) const {
    struct Held {
      rocksdb::DB& db;
      const rocksdb::Snapshot* snapshot;
      ~Held() { db.ReleaseSnapshot(snapshot); }
    } held{database_->db(), database_->db().GetSnapshot()};
    const RocksReader reader(*database_, held.snapshot);
    return read(reader);
  }

  const std::string directory_;
  std::unique_ptr<RocksDatabase> database_;
  RocksReader reader_;
  FreeSpace space_;
  std::shared_ptr<Watches> watches_ = std::make_shared<Watches>();
  Pool pool_;
  std::unique_ptr<RocksCommitter> committer_;
};

}  // namespace

Result<std::unique_ptr<Engine>> open_rocks_engine(const RocksOptions& options) {
  Result<std::unique_ptr<RocksDatabase>> database = RocksDatabase::open(options);
  if (!database) return std::unexpected(database.error());
  return std::make_unique<RocksEngine>(std::move(*database), options);
}

}  // namespace posthouse::engine
