#include "engine/rocks_committer.h"

#include <algorithm>
#include <exception>

#include <rocksdb/db.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/write_batch.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/thread_name.h"
#include "engine/free_space.h"
#include "engine/rocks_database.h"
#include "engine/rocks_log.h"
#include "engine/rocks_transaction.h"
#include "engine/watches.h"

namespace posthouse::engine {

namespace {

constexpr size_t kMaxGroupBytes = 4 << 20;
constexpr std::chrono::milliseconds kFlushWithin(200);  // what nobody waited for

const metrics::Counter& groups_total() {
  static const metrics::Counter counter("posthouse_engine_groups_total", "Groups of transactions written.");
  return counter;
}
const metrics::Counter& transactions_total() {
  static const metrics::Counter counter("posthouse_engine_transactions_total",
                                        "Transactions that were written.");
  return counter;
}
const metrics::Counter& failed_total() {
  static const metrics::Counter counter("posthouse_engine_failed_writes_total",
                                        "Groups that could not be written.");
  return counter;
}

// `no_space` or `io`. That the store is damaged somewhere says nothing of the rows that were to be written:
// to whoever wanted that, `corrupt` would mean that they are.
Fault write_fault(const rocksdb::Status& status, std::string_view what) {
  Fault fault = to_fault(status, what);
  if (fault.kind == FaultKind::corrupt) fault.kind = FaultKind::io;
  return fault;
}

}  // namespace

RocksCommitter::RocksCommitter(RocksDatabase& database, FreeSpace& space, std::shared_ptr<Watches> watches,
                               bool sync)
    : database_(database),
      space_(space),
      watches_(std::move(watches)),
      sync_(sync),
      batch_(std::make_unique<rocksdb::WriteBatch>()),
      thread_([this] { run(); }) {}

RocksCommitter::~RocksCommitter() {
  line_.close();
  thread_.join();
}

void RocksCommitter::submit(WriteJob* job) {
  line_.add(job);
}

void RocksCommitter::run() {
  name_this_thread("committer");
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  Group group;
  for (;;) {
    const WriteLine::Turn turn = line_.wait(flush_by_);
    if (turn == WriteLine::Turn::write) {
      group.clear();
      line_.take(group);
      process(group);
    } else {
      flush();
      if (turn == WriteLine::Turn::stop) return;
    }
  }
}

void RocksCommitter::process(Group& group) {
  overlay_.clear();
  Group now;
  now.reserve(group.size());
  bool sync = flush_by_ && *flush_by_ <= line_.now();
  std::optional<Partition> erased;
  size_t done = 0;
  for (; done < group.size() && overlay_.bytes() < kMaxGroupBytes; ++done) {
    WriteJob& job = *group[done];
    apply(job);
    if (job.kind == WriteJob::Kind::erase_partition) erased = job.partition;
    sync = sync || (job.kind != WriteJob::Kind::put_ahead && !job.relaxed);
    now.push_back(&job);
  }
  line_.end_group(group, done);
  finish(now, write(sync, erased));
}

void RocksCommitter::apply(WriteJob& job) {
  RocksTransaction transaction(database_, overlay_, cache_);
  overlay_.begin();
  switch (job.kind) {
    case WriteJob::Kind::transact:
      job.result = apply_steps(job, transaction);
      break;
    case WriteJob::Kind::put_ahead:
      transaction.enter(job.partition);
      transaction.put(job.key, job.value);
      break;
    case WriteJob::Kind::erase_partition:
      job.touched = {job.partition};
      return;
  }
  if (job.result && transaction.grows() && space_.usable() == 0) {
    job.result = fail(FaultKind::no_space, "the disk has no room beyond its reserve");
  }
  if (!job.result) {
    overlay_.undo();
  } else {
    job.touched = transaction.touched();
    if (transaction.erased_chunks() != 0) erased_ = true;
  }
}

Result<void> RocksCommitter::apply_steps(WriteJob& job, RocksTransaction& transaction) {
  try {
    for (const Step& step : job.steps) {
      transaction.enter(step.partition);
      Result<void> applied = step.apply(transaction);
      if (!applied) return applied;
    }
    return {};
  } catch (const std::exception& e) {
    log::error("engine.step_threw", {{"what", e.what()}});
    return fail(FaultKind::permanent, std::string("a transaction step threw: ") + e.what());
  }
}

Result<void> RocksCommitter::write(bool sync, const std::optional<Partition>& erased) {
  batch_->Clear();
  if (!sync) batch_->PutLogData(std::string(kUnflushedMark));
  overlay_.append_to(*batch_, database_);
  if (erased) {
    batch_->DeleteRange(database_.family(erased->kind), row_key(*erased, ""), partition_end(*erased));
    cache_.clear();
  }
  if (batch_->Count() == 0) return {};
  if (broken_) {
    Result<void> recovered = recover();
    if (!recovered) return recovered;
  }
  rocksdb::WriteOptions options;
  options.sync = sync && sync_;
  const rocksdb::Status status = database_.db().Write(options, batch_.get());
  if (!status.ok()) return refuse(status);
  note_written(options.sync);
  return {};
}

void RocksCommitter::note_written(bool sync) {
  space_.spend(batch_->GetDataSize());
  cache_.update(overlay_.changes(Overlay::rows));
  if (sync) {
    flush_by_.reset();
  } else if (sync_ && !flush_by_) {
    flush_by_ = line_.now() + kFlushWithin;
  }
}

// What was written without a flush gets one of its own, as nothing else came that needed one.
void RocksCommitter::flush() {
  if (!std::exchange(flush_by_, std::nullopt) || broken_) return;
  const rocksdb::Status status = database_.db().SyncWAL();
  if (!status.ok()) static_cast<void>(refuse(status));
}

Result<void> RocksCommitter::refuse(const rocksdb::Status& status) {
  broken_ = true;
  cache_.clear();
  failed_total().add();
  space_.refresh();
  log::error("engine.write_failed", {{"what", status.ToString()}});
  failure_ = write_fault(status, "cannot write the store");
  Result<void> refused = std::unexpected(failure_);
  if (failure_.kind == FaultKind::io) static_cast<void>(recover());  // now, not when the next one asks
  return refused;
}

// After a failed write RocksDB refuses all others until it has put its log and tables in order again: at once
// or, when the disk was full, some seconds after there is room. What cannot be mended so (a log that could
// not be flushed: nobody knows which of its pages are on the disk) needs the store to be opened again, which
// reads back what was acknowledged and mends what compaction has stumbled over.
Result<void> RocksCommitter::recover() {
  if (given_up_) return std::unexpected(failure_);
  const rocksdb::Status status = database_.db().Resume();
  if (status.ok()) {
    broken_ = false;
    log::warn("engine.resumed");
    return {};
  }
  if (status.IsBusy()) return std::unexpected(failure_);  // it is at it
  failure_ = write_fault(status, "the store cannot be written");
  // Damage that can't be mended would only be met again by the next who opens the store.
  if (failure_.kind == FaultKind::io && database_.note_damage(status)) give_up();
  return std::unexpected(failure_);
}

void RocksCommitter::give_up() {
  given_up_ = true;
  log::error(
      "engine.broken",
      {{"what", failure_.what},
       {"advice", "look at the disk; the store must be opened again, what was acknowledged is in it"}});
  const std::lock_guard lock(broken_mutex_);
  told_ = failure_;
  if (tell_broken_) tell_broken_(*told_);
}

void RocksCommitter::when_broken(std::function<void(const Fault&)> broken) {
  const std::lock_guard lock(broken_mutex_);
  tell_broken_ = std::move(broken);
  if (told_ && tell_broken_) tell_broken_(*told_);
}

void RocksCommitter::finish(Group& group, const Result<void>& written) {
  std::vector<Partition> touched;
  for (WriteJob* job : group) {
    // A step may have failed because of what another of the group did, which now is not so: all get the
    // fault.
    if (!written) job->result = written;
    if (job->result) touched.insert(touched.end(), job->touched.begin(), job->touched.end());
  }
  if (written) {
    groups_total().add();
    transactions_total().add(static_cast<double>(group.size()));
  }
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  watches_->tell(touched);
  for (WriteJob* job : group) {
    if (!job->caller) {
      delete job;
    } else {
      job->home->post(job->caller);  // from here on the job may be gone
    }
  }
}

}  // namespace posthouse::engine
