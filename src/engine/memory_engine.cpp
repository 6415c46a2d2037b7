#include "engine/memory_engine.h"

#include <map>
#include <mutex>
#include <set>

#include "base/executor.h"
#include "engine/watches.h"

namespace posthouse::engine {

namespace {

using Rows = std::map<std::string, std::string, std::less<>>;
using Partitions = std::map<Partition, Rows>;

constexpr uint64_t kPretendedSpace = 1ull << 40;

// Goes on in the executor's next turn, as with an engine that has a disk; also keeps the stack of a caller
// that loops over transactions from growing.
struct NextTurn {
  bool await_ready() const noexcept { return Executor::current() == nullptr; }
  void await_suspend(std::coroutine_handle<> caller) const { Executor::current()->post(caller); }
  void await_resume() const noexcept {}
};

Rows::const_iterator range_end(const Rows& rows, std::string_view end) {
  return end.empty() ? rows.end() : rows.lower_bound(end);
}

void scan_rows(const Rows& rows, std::string_view begin, std::string_view end, const RowVisitor& visit) {
  if (!end.empty() && end <= begin) return;
  const auto last = range_end(rows, end);
  for (auto it = rows.lower_bound(begin); it != last; ++it) {
    if (!visit(it->first, it->second)) return;
  }
}

void scan_rows_back(const Rows& rows, std::string_view begin, std::string_view end, const RowVisitor& visit) {
  if (!end.empty() && end <= begin) return;
  const auto first = rows.lower_bound(begin);
  for (auto it = range_end(rows, end); it != first;) {
    --it;
    if (!visit(it->first, it->second)) return;
  }
}

// Scans over one step's partition take a copy: the visitor may put and erase.
class MemoryTransaction final : public Transaction {
 public:
  explicit MemoryTransaction(Partitions& all) : all_(all) {}

  void enter(Partition partition) {
    partition_ = partition;
    touched_.insert(partition);
  }
  std::vector<Partition> touched() const { return {touched_.begin(), touched_.end()}; }

  Result<std::optional<std::string>> get(std::string_view key) const override {
    const Rows& rows = all_[partition_];
    const auto it = rows.find(key);
    if (it == rows.end()) return std::nullopt;
    return it->second;
  }
  Result<void> scan(std::string_view begin, std::string_view end, const RowVisitor& visit) const override {
    const Rows copy = cut(begin, end);
    scan_rows(copy, begin, end, visit);
    return {};
  }
  Result<void> scan_back(std::string_view begin, std::string_view end,
                         const RowVisitor& visit) const override {
    const Rows copy = cut(begin, end);
    scan_rows_back(copy, begin, end, visit);
    return {};
  }
  void put(std::string_view key, std::string_view value) override {
    change(partition_, key, std::string(value));
  }
  void erase(std::string_view key) override { change(partition_, key, std::nullopt); }
  void hint(std::string_view key) override {
    touched_.insert(hints_partition());
    change(hints_partition(), key, std::string());
  }

  void undo() {
    for (auto it = before_.rbegin(); it != before_.rend(); ++it) set(it->partition, it->key, it->value);
  }

 private:
  struct Before {
    Partition partition;
    std::string key;
    std::optional<std::string> value;
  };

  Rows cut(std::string_view begin, std::string_view end) const {
    const Rows& rows = all_[partition_];
    if (!end.empty() && end <= begin) return {};
    return Rows(rows.lower_bound(begin), range_end(rows, end));
  }
  void change(Partition partition, std::string_view key, std::optional<std::string> value) {
    Rows& rows = all_[partition];
    const auto it = rows.find(key);
    std::optional<std::string> old;
    if (it != rows.end()) old = it->second;
    before_.push_back({partition, std::string(key), std::move(old)});
    set(partition, key, std::move(value));
  }
  void set(Partition partition, std::string_view key, std::optional<std::string> value) {
    Rows& rows = all_[partition];
    if (value) {
      rows.insert_or_assign(std::string(key), std::move(*value));
    } else if (const auto it = rows.find(key); it != rows.end()) {
      rows.erase(it);
    }
  }

  Partitions& all_;
  Partition partition_;
  std::set<Partition> touched_;
  std::vector<Before> before_;
};

class MemoryEngine final : public Engine {
 public:
  Result<std::optional<std::string>> get(Partition partition, std::string_view key) const override {
    const std::lock_guard lock(mutex_);
    const auto rows = all_.find(partition);
    if (rows == all_.end()) return std::nullopt;
    const auto it = rows->second.find(key);
    if (it == rows->second.end()) return std::nullopt;
    return it->second;
  }
  Result<void> scan(Partition partition, std::string_view begin, std::string_view end,
                    const RowVisitor& visit) const override {
    const std::lock_guard lock(mutex_);
    if (const auto rows = all_.find(partition); rows != all_.end())
      scan_rows(rows->second, begin, end, visit);
    return {};
  }
  Result<void> scan_back(Partition partition, std::string_view begin, std::string_view end,
                         const RowVisitor& visit) const override {
    const std::lock_guard lock(mutex_);
    if (const auto rows = all_.find(partition); rows != all_.end())
      scan_rows_back(rows->second, begin, end, visit);
    return {};
  }

  Result<void> partitions(PartitionKind kind, uint64_t first, const PartitionVisitor& visit) const override {
    const std::lock_guard lock(mutex_);
    for (auto it = all_.lower_bound({kind, first}); it != all_.end() && it->first.kind == kind; ++it) {
      if (!it->second.empty() && !visit(it->first.id)) break;
    }
    return {};
  }

  Task<Result<void>> transact(std::vector<Step> steps) override {
    Result<void> result = apply(steps);
    co_await NextTurn();
    co_return result;
  }
  Task<Result<void>> put_ahead(Partition partition, std::string key, std::string value) override {
    set(partition, std::move(key), std::move(value));
    co_await NextTurn();
    co_return Result<void>();
  }
  void hint(std::string key) override { set(hints_partition(), std::move(key), ""); }
  Task<Result<std::optional<std::string>>> fetch(Partition partition, std::string key) override {
    auto result = get(partition, key);
    co_await NextTurn();
    co_return result;
  }
  Task<Result<void>> read(std::function<Result<void>(const Reader&)> read) override {
    Result<void> result = read_locked(read);
    co_await NextTurn();
    co_return result;
  }
  std::unique_ptr<Watch> watch(Partition partition, std::function<void()> changed) override {
    return watches_->add(partition, std::move(changed));
  }
  Task<Result<void>> erase_partition(Partition partition) override {
    erase_rows(partition);
    co_await NextTurn();
    co_return Result<void>();
  }
  uint64_t free_space() const override { return kPretendedSpace; }

 private:
  Result<void> apply(const std::vector<Step>& steps) {
    std::vector<Partition> touched;
    {
      const std::lock_guard lock(mutex_);
      MemoryTransaction transaction(all_);
      for (const Step& step : steps) {
        transaction.enter(step.partition);
        Result<void> done = step.apply(transaction);
        if (!done) {
          transaction.undo();
          return done;
        }
      }
      touched = transaction.touched();
    }
    watches_->tell(touched);
    return {};
  }
  Result<void> read_locked(const std::function<Result<void>(const Reader&)>& read) const {
    const std::lock_guard lock(mutex_);
    return read(*this);
  }
  void set(Partition partition, std::string key, std::string value) {
    const std::lock_guard lock(mutex_);
    all_[partition].insert_or_assign(std::move(key), std::move(value));
  }
  void erase_rows(Partition partition) {
    {
      const std::lock_guard lock(mutex_);
      all_.erase(partition);
    }
    watches_->tell({partition});
  }

  // Recursive: a visitor may read on.
  mutable std::recursive_mutex mutex_;
  Partitions all_;
  std::shared_ptr<Watches> watches_ = std::make_shared<Watches>();
};

}  // namespace

std::unique_ptr<Engine> make_memory_engine() {
  return std::make_unique<MemoryEngine>();
}

}  // namespace posthouse::engine
