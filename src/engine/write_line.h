// The jobs that wait for the committer, and the committer's sleep until there is something to do.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "engine/engine.h"

namespace posthouse::engine {

// One call that waits. Lives in the caller's coroutine.
struct WriteJob {
  enum class Kind { transact, put_ahead, erase_partition };
  Kind kind = Kind::transact;
  bool relaxed = false;  // see Engine::transact_relaxed
  std::vector<Step> steps;
  Partition partition;     // of put_ahead and erase_partition
  std::string key, value;  // of put_ahead
  Result<void> result;
  std::vector<Partition> touched;
  std::coroutine_handle<> caller;  // null: nobody waits, the committer deletes the job
  Executor* home = nullptr;
};

class WriteLine {
 public:
  using Group = std::vector<WriteJob*>;
  enum class Turn { write, flush, stop };

  static constexpr SteadyTime::duration kMostPatience = std::chrono::microseconds(1000);

  explicit WriteLine(const Clock& clock = system_clock(), SteadyTime::duration most_patience = kMostPatience)
      : clock_(clock), most_patience_(most_patience) {}

  // Thread-safe.
  void add(WriteJob* job);
  // Thread-safe. What waits is still handed out, then wait() says stop.
  void close();

  SteadyTime now() const { return clock_.steady(); }

  // The rest is the committer's. Sleeps until jobs should be written, or `flush_by` has come.
  Turn wait(std::optional<SteadyTime> flush_by);
  // Adds the next jobs to the group, relaxed ones first. An erased partition ends a group: it is written
  // behind the rows of those before it.
  void take(Group& group);
  // The first `done` of the group were written together, the others go back to where they were.
  void end_group(const Group& group, size_t done);

 private:
  std::optional<SteadyTime> next_term(std::optional<SteadyTime> flush_by) const;
  void sleep(std::unique_lock<std::mutex>& lock, std::optional<SteadyTime> flush_by);
  void wait_for_company(std::unique_lock<std::mutex>& lock, size_t waited, SteadyTime::duration took);

  const Clock& clock_;
  const SteadyTime::duration most_patience_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<WriteJob*> urgent_;
  std::deque<WriteJob*> relaxed_;
  SteadyTime relaxed_by_{};    // when the relaxed ones are to be written at the latest
  size_t awaited_ = 0;         // the committer sleeps until so many urgent ones wait; 0: it is awake
  SteadyTime sleeps_until_{};  // of the committer, while awaited_ is not 0
  size_t last_group_ = 0;      // urgent ones in it
  SteadyTime group_began_{};   // when it was known, and began to be written
  unsigned hurried_ = 0;       // groups that are to go without patience, as it did not pay
  unsigned next_hurried_ = 1;  // the next time
  bool closing_ = false;
};

}  // namespace posthouse::engine
