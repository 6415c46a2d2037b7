// The storage engine: ordered rows in partitions, changed by transactions that are durable when they return.
// Knows no mail. Implementations: RocksDB (engine/rocks_engine.h) and memory (engine/memory_engine.h, for
// tests and as the reference that both are tested against).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/task.h"

namespace posthouse::engine {

enum class PartitionKind : char { directory = 'd', account = 'a', queue = 'q', blob = 'b', system = 's' };

// Where hints go (see Transaction::hint): rows whose key says what wants care and whose value is empty.
// An ordinary partition otherwise.
inline constexpr uint64_t kHintsId = 1;

// The unit of atomicity: what one transaction step changes, all or nothing.
struct Partition {
  PartitionKind kind = PartitionKind::system;
  uint64_t id = 0;
  auto operator<=>(const Partition&) const = default;
};

// Both belong to it; of different kinds: also all kinds between, in the order of their letters.
struct PartitionRange {
  Partition first;
  Partition last;
  bool contains(Partition partition) const { return first <= partition && partition <= last; }
};

inline bool contains(const std::vector<PartitionRange>& ranges, Partition partition) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [partition](const PartitionRange& range) { return range.contains(partition); });
}

constexpr Partition hints_partition() {
  return {PartitionKind::system, kHintsId};
}

// Called for each row in key order; false ends the scan.
using RowVisitor = std::function<bool(std::string_view key, std::string_view value)>;

// Called for each partition in the order of the ids; false ends the listing.
using PartitionVisitor = std::function<bool(uint64_t id)>;

struct RowName {
  Partition partition;
  std::string key;
};

// Called for the rows asked for, one after the other; nothing: it is not there. False ends it.
using NamedRowVisitor = std::function<bool(size_t index, std::optional<std::string_view> value)>;

// Reads rows of one partition. Keys compare as unsigned bytes.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual Result<std::optional<std::string>> get(Partition partition, std::string_view key) const = 0;
  // Many rows, of partitions of one kind: quicker than one by one, most of all when those that follow each
  // other here do so in the store. Ends with the fault of the first that can't be read.
  virtual Result<void> get_many(const std::vector<RowName>& names, const NamedRowVisitor& visit) const;
  // Rows with begin <= key < end ("" as end: to the end of the partition).
  virtual Result<void> scan(Partition partition, std::string_view begin, std::string_view end,
                            const RowVisitor& visit) const = 0;
  // The same from the last key before `end` downwards.
  virtual Result<void> scan_back(Partition partition, std::string_view begin, std::string_view end,
                                 const RowVisitor& visit) const = 0;
  // The partitions of a kind that have rows, from id `first` on. For care, not for daily work.
  virtual Result<void> partitions(PartitionKind kind, uint64_t first,
                                  const PartitionVisitor& visit) const = 0;
};

// What a step sees and changes: its partition, with its own and all earlier steps' changes visible.
class Transaction {
 public:
  virtual ~Transaction() = default;
  virtual Result<std::optional<std::string>> get(std::string_view key) const = 0;
  // A visitor may erase; whether it meets rows that it puts itself is not defined.
  virtual Result<void> scan(std::string_view begin, std::string_view end, const RowVisitor& visit) const = 0;
  virtual Result<void> scan_back(std::string_view begin, std::string_view end,
                                 const RowVisitor& visit) const = 0;
  virtual void put(std::string_view key, std::string_view value) = 0;
  virtual void erase(std::string_view key) = 0;
  // Puts an empty row `key` into hints_partition(), though this step belongs to another partition. Embedded:
  // part of the transaction. Scale-out: written ahead of it, so a hint may be there without its cause, never
  // the other way round: whoever follows a hint looks for himself whether there is something to do.
  virtual void hint(std::string_view key) = 0;
};

// One step of a transaction. `apply` runs on the engine's committer, one step at a time, so it must be quick
// (at most some thousand rows), must not block or await, and may be run again from the start (an engine that
// detects conflicts instead of queueing does that): it may only touch the Transaction and overwrite its own
// results. A Fault from it undoes the whole transaction, which then fails with that Fault.
struct Step {
  Partition partition;
  std::function<Result<void>(Transaction&)> apply;
};

// Tells of changes; see Engine::watch. Ends when destroyed; after the destructor returns no call is made.
class Watch {
 public:
  virtual ~Watch() = default;
};

// A sentence for operators.
struct Damage {
  std::string what;
  bool over = false;  // nothing was lost by it, or a repair has seen to it
};

// Thread-safe.
class Engine : public Reader {
 public:
  // Applies the steps in order and returns when they are on disk (fsync), with all transactions that finish
  // in the same moment sharing one flush. Embedded: all steps are one atomic batch. Scale-out: each step is
  // atomic, and a crash may leave a prefix of them done, so later steps are written to be repeatable. Fails
  // with no_space, io, or the step's own fault; then nothing was changed. The caller may go on on its
  // executor; the steps' captured references must live until then.
  virtual Task<Result<void>> transact(std::vector<Step> steps) = 0;

  // The same, for what may be undone by a power cut without harm: atomic and in order as ever, and once it
  // returned it survives the end of this process, but it goes to disk with the next flush that others need,
  // within a second if there is none. May wait some milliseconds for company.
  virtual Task<Result<void>> transact_relaxed(std::vector<Step> steps) { return transact(std::move(steps)); }

  // Writes rows that need not survive a crash by themselves: chunks ahead of the transaction that refers to
  // them. They are durable once any later transact() returned.
  virtual Task<Result<void>> put_ahead(Partition partition, std::string key, std::string value) = 0;

  // The same for an empty row in hints_partition(), without waiting for anything: for destructors. May be
  // lost when the disk fails.
  virtual void hint(std::string key) = 0;

  // Reads without blocking the calling loop: from memory if it is there, else on the engine's reading
  // threads.
  virtual Task<Result<std::optional<std::string>>> fetch(Partition partition, std::string key) = 0;

  // Runs `read` with a consistent view of all partitions on the engine's reading threads and comes back to
  // the caller's executor. For scans and anything longer than one row.
  virtual Task<Result<void>> read(std::function<Result<void>(const Reader&)> read) = 0;

  // The same for whoever does not wait for it: `read` refers to nothing that may go before the engine.
  virtual void begin_read(std::function<void(const Reader&)> read) { read(*this); }

  // Calls `changed` after each transaction that touched the partition is durable, on the committer's thread:
  // it must only set a flag or post to an executor. Reader::get and scan above see the change by then.
  virtual std::unique_ptr<Watch> watch(Partition partition, std::function<void()> changed) = 0;

  // Erases all rows of a partition in the background; gone for readers when it returns. Repeatable.
  virtual Task<Result<void>> erase_partition(Partition partition) = 0;

  // Gives back to the disk what erased rows still hold, which otherwise happens by and by as new rows come.
  // Rewrites keys, not values; for when space is short. Runs on the reading threads; false, and nothing done,
  // when nothing was erased since the last time.
  virtual Task<Result<bool>> reclaim_space() { co_return false; }

  // Makes a copy of everything at one moment, of hard links, for whoever copies it away (engine/snapshots.h);
  // `name` is new. What is in memory is written out first; writers are not kept waiting. Removes those that
  // nobody holds any more. Runs on the reading threads.
  virtual Task<Result<void>> make_snapshot(std::string /*name*/) {
    co_return fail(FaultKind::policy, "this store is not kept in files");
  }
  // Removes copies that nobody holds any more, which a crash left. Quick when there are none.
  virtual Task<void> remove_stale_snapshots() { co_return; }

  // What was found damaged beyond single rows when the store was opened, until an operator has removed what
  // is kept of it.
  virtual std::vector<Damage> damage() const { return {}; }
  // Reads all tables of rows through: a sentence for each that is damaged somewhere. The next start mends it.
  virtual Task<Result<std::vector<std::string>>> damaged_tables() { co_return std::vector<std::string>(); }
  // Whether rows were lost by any of that which is not over.
  virtual bool has_lost_rows() const { return false; }
  // A repair has put in order what all that left.
  virtual Result<void> damage_is_over() { return {}; }

  // Where rows may be missing, or be as they were some time ago, because damaged files were mended. Told at
  // every start until forget_lost(): whoever owns rows there puts them in order again.
  virtual std::vector<PartitionRange> lost() const { return {}; }
  virtual void forget_lost() {}

  // Calls `broken` once, on a thread of the engine's, when the disk failed in a way that only opening the
  // store again can mend: what was acknowledged is on disk, and every later transaction fails with io. At
  // once if that is so already. Replaces the function given before; after it returned that one is not called
  // any more.
  virtual void when_broken(std::function<void(const Fault&)> /*broken*/) {}

  // Free bytes that may still be used (the disk's, less the reserve). Cheap; refreshed at most each second.
  virtual uint64_t free_space() const = 0;
};

}  // namespace posthouse::engine
