// An engine that does as the one inside it, until a test has it fail.
#pragma once

#include <atomic>
#include <optional>
#include <utility>

#include "engine/engine.h"

namespace posthouse::test {

// Notes when the bytes of letters are read.
class ReaderThatCounts : public engine::Reader {
 public:
  ReaderThatCounts(const engine::Reader& inside, std::atomic<size_t>& blob_reads)
      : inside_(inside), blob_reads_(blob_reads) {}
  Result<std::optional<std::string>> get(engine::Partition partition, std::string_view key) const override {
    blob_reads_ += partition.kind == engine::PartitionKind::blob;
    return inside_.get(partition, key);
  }
  Result<void> scan(engine::Partition partition, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    blob_reads_ += partition.kind == engine::PartitionKind::blob;
    return inside_.scan(partition, begin, end, visit);
  }
  Result<void> scan_back(engine::Partition partition, std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override {
    blob_reads_ += partition.kind == engine::PartitionKind::blob;
    return inside_.scan_back(partition, begin, end, visit);
  }
  Result<void> partitions(engine::PartitionKind kind, uint64_t first,
                          const engine::PartitionVisitor& visit) const override {
    return inside_.partitions(kind, first, visit);
  }

 private:
  const engine::Reader& inside_;
  std::atomic<size_t>& blob_reads_;
};

class EngineWithFaults : public engine::Engine {
 public:
  explicit EngineWithFaults(engine::Engine& inside) : inside_(inside) {}

  // The next calls of transact() / put_ahead() fail so, until reset() with nothing.
  std::optional<Fault> transact_fault, put_ahead_fault;
  // So many calls of transact() still succeed; then the fault counts.
  int transacts_before_fault = 0;
  // Of transactions that begin with the bytes of a letter: a disk with room for small rows only.
  std::optional<Fault> blob_fault;
  std::optional<uint64_t> free;
  // A transport writes on its loop while the test looks.
  std::atomic<int> transactions = 0;
  std::atomic<size_t> refused = 0;  // calls of transact() that failed so
  std::atomic<size_t> steps = 0;    // of the last transaction
  mutable std::atomic<size_t> blob_reads = 0;

  Result<std::optional<std::string>> get(engine::Partition partition, std::string_view key) const override {
    return counting().get(partition, key);
  }
  Result<void> scan(engine::Partition partition, std::string_view begin, std::string_view end,
                    const engine::RowVisitor& visit) const override {
    return counting().scan(partition, begin, end, visit);
  }
  Result<void> scan_back(engine::Partition partition, std::string_view begin, std::string_view end,
                         const engine::RowVisitor& visit) const override {
    return counting().scan_back(partition, begin, end, visit);
  }
  Result<void> partitions(engine::PartitionKind kind, uint64_t first,
                          const engine::PartitionVisitor& visit) const override {
    return inside_.partitions(kind, first, visit);
  }
  Task<Result<void>> transact(std::vector<engine::Step> all) override {
    if (transact_fault && transacts_before_fault > 0) {
      --transacts_before_fault;
    } else if (transact_fault) {
      ++refused;
      co_return std::unexpected(*transact_fault);
    }
    if (blob_fault && all.front().partition.kind == engine::PartitionKind::blob)
      co_return std::unexpected(*blob_fault);
    ++transactions;
    steps = all.size();
    Result<void> done = co_await inside_.transact(std::move(all));
    co_return done;
  }
  Task<Result<void>> put_ahead(engine::Partition partition, std::string key, std::string value) override {
    if (put_ahead_fault) co_return std::unexpected(*put_ahead_fault);
    Result<void> done = co_await inside_.put_ahead(partition, std::move(key), std::move(value));
    co_return done;
  }
  void hint(std::string key) override { inside_.hint(std::move(key)); }
  Task<Result<std::optional<std::string>>> fetch(engine::Partition partition, std::string key) override {
    blob_reads += partition.kind == engine::PartitionKind::blob;
    return inside_.fetch(partition, std::move(key));
  }
  Task<Result<void>> read(std::function<Result<void>(const engine::Reader&)> look) override {
    return inside_.read([this, look = std::move(look)](const engine::Reader& reader) {
      return look(ReaderThatCounts(reader, blob_reads));
    });
  }
  std::unique_ptr<engine::Watch> watch(engine::Partition partition, std::function<void()> changed) override {
    return inside_.watch(partition, std::move(changed));
  }
  Task<Result<void>> erase_partition(engine::Partition partition) override {
    return inside_.erase_partition(partition);
  }
  uint64_t free_space() const override { return free.value_or(inside_.free_space()); }

 private:
  ReaderThatCounts counting() const { return {inside_, blob_reads}; }

  engine::Engine& inside_;
};

}  // namespace posthouse::test
