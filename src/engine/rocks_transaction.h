// What a step sees: the overlay over the database, within the step's partition.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "engine/rocks_overlay.h"

namespace posthouse::engine {

class RocksDatabase;
class RowCache;

// Used by the committer's thread only; one for each transaction of a group.
class RocksTransaction final : public Transaction {
 public:
  RocksTransaction(const RocksDatabase& database, Overlay& overlay, RowCache& cache)
      : database_(database), overlay_(overlay), cache_(cache) {}

  void enter(Partition partition);

  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<void> scan(std::string_view begin, std::string_view end, const RowVisitor& visit) const override;
  Result<void> scan_back(std::string_view begin, std::string_view end,
                         const RowVisitor& visit) const override;
  void put(std::string_view key, std::string_view value) override;
  void erase(std::string_view key) override;
  void hint(std::string_view key) override;

  // Partitions it changed, maybe some twice.
  const std::vector<Partition>& touched() const { return touched_; }
  // Whether it stores more than it could free: letters do, flags and removals don't.
  bool grows() const { return grows_; }
  // Rows of blobs that it erased.
  size_t erased_chunks() const { return erased_chunks_; }

 private:
  Overlay::Family family() const;
  void touch(Partition partition);

  const RocksDatabase& database_;
  Overlay& overlay_;
  RowCache& cache_;
  Partition partition_;
  mutable std::string key_;  // the database key of the call at hand
  std::vector<Partition> touched_;
  size_t put_bytes_ = 0;
  size_t erased_chunks_ = 0;
  bool grows_ = false;
};

}  // namespace posthouse::engine
