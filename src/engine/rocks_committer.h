// The one thread that writes. It takes all that waits, runs the steps one after another, writes the result as
// one batch with one flush, and only then lets the callers go on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "engine/engine.h"
#include "engine/rocks_overlay.h"
#include "engine/row_cache.h"

namespace rocksdb {
class WriteBatch;
}

namespace posthouse::engine {

class FreeSpace;
class RocksDatabase;
class RocksTransaction;
class Watches;

// One call that waits. Lives in the caller's coroutine.
struct WriteJob {
  enum class Kind { transact, put_ahead, erase_partition };
  Kind kind = Kind::transact;
  std::vector<Step> steps;
  Partition partition;     // of put_ahead and erase_partition
  std::string key, value;  // of put_ahead
  Result<void> result;
  std::vector<Partition> touched;
  std::coroutine_handle<> caller;  // null: nobody waits, the committer deletes the job
  Executor* home = nullptr;
};

class RocksCommitter {
 public:
  RocksCommitter(RocksDatabase& database, FreeSpace& space, std::shared_ptr<Watches> watches, bool sync);
  // Writes what waits, then ends the thread.
  ~RocksCommitter();

  // Thread-safe. The job's caller is resumed on its home once the job is durable or has failed.
  void submit(WriteJob* job);

  // See Engine::when_broken.
  void when_broken(std::function<void(const Fault&)> broken);

 private:
  using Group = std::vector<WriteJob*>;

  void run();
  bool wait_for_jobs();
  void take_group(Group& group);
  void process(Group& group);
  void apply(WriteJob& job);
  Result<void> apply_steps(WriteJob& job, RocksTransaction& transaction);
  Result<void> write(bool sync, const std::optional<Partition>& erased);
  Result<void> recover();
  void give_up();
  void finish(Group& group, const Result<void>& written);

  RocksDatabase& database_;
  FreeSpace& space_;
  std::shared_ptr<Watches> watches_;
  const bool sync_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<WriteJob*> waiting_;
  size_t awaited_ = 0;  // the committer sleeps until so many wait; 0: it is awake
  bool stopping_ = false;

  // Of the committer's thread:
  Overlay overlay_;
  RowCache cache_;
  std::unique_ptr<rocksdb::WriteBatch> batch_;
  size_t last_group_ = 0;
  bool broken_ = false;    // the last write failed
  Fault failure_;          // and how
  bool given_up_ = false;  // for good

  std::mutex broken_mutex_;
  std::function<void(const Fault&)> tell_broken_;  // with the lock
  std::optional<Fault> told_;                      // with the lock: why the store was given up
  std::thread thread_;                             // last: starts when all else is there
};

}  // namespace posthouse::engine
