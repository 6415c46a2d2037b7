// The one thread that writes. It takes all that waits, runs the steps one after another, writes the result as
// one batch with one flush, and only then lets the callers go on.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/rocks_overlay.h"
#include "engine/row_cache.h"
#include "engine/write_line.h"

namespace rocksdb {
class Status;
class WriteBatch;
}  // namespace rocksdb

namespace posthouse::engine {

class FreeSpace;
class RocksDatabase;
class RocksTransaction;
class Watches;

class RocksCommitter {
 public:
  RocksCommitter(RocksDatabase& database, FreeSpace& space, std::shared_ptr<Watches> watches, bool sync);
  // Writes what waits, then ends the thread.
  ~RocksCommitter();

  // Thread-safe. The job's caller is resumed on its home once the job is durable or has failed.
  void submit(WriteJob* job);

  // Whether rows of blobs were erased since it was asked last: then there is space to reclaim. Thread-safe.
  bool take_erased() { return erased_.exchange(false); }
  void keep_erased() { erased_ = true; }  // what was taken could not be given back

  // See Engine::when_broken.
  void when_broken(std::function<void(const Fault&)> broken);

 private:
  using Group = WriteLine::Group;

  void run();
  void process(Group& group);
  void apply(WriteJob& job);
  Result<void> apply_steps(WriteJob& job, RocksTransaction& transaction);
  Result<void> write(bool sync, const std::optional<Partition>& erased);
  void note_written(bool sync);
  void flush();
  Result<void> refuse(const rocksdb::Status& status);
  Result<void> recover();
  void give_up();
  void finish(Group& group, const Result<void>& written);

  RocksDatabase& database_;
  FreeSpace& space_;
  std::shared_ptr<Watches> watches_;
  const bool sync_;

  WriteLine line_;
  std::atomic<bool> erased_ = true;  // perhaps by the process before

  // Of the committer's thread:
  Overlay overlay_;
  RowCache cache_;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  std::optional<SteadyTime> flush_by_;  // something was written and not flushed
  bool broken_ = false;                 // the last write failed
  Fault failure_;                       // and how
  bool given_up_ = false;               // for good

  std::mutex broken_mutex_;
  std::function<void(const Fault&)> tell_broken_;  // with the lock
  std::optional<Fault> told_;                      // with the lock: why the store was given up
  std::thread thread_;                             // last: starts when all else is there
};

}  // namespace posthouse::engine
