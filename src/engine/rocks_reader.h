// Reading rows of an open database, now or as of a snapshot.
#pragma once

#include "engine/engine.h"

namespace rocksdb {
class Snapshot;
}

namespace posthouse::engine {

class RocksDatabase;

// Thread-safe. `snapshot` nullptr: each call sees the newest state.
class RocksReader final : public Reader {
 public:
  explicit RocksReader(const RocksDatabase& database, const rocksdb::Snapshot* snapshot = nullptr)
      : database_(database), snapshot_(snapshot) {}

  Result<std::optional<std::string>> get(Partition partition, std::string_view key) const override;
  Result<void> get_many(const std::vector<RowName>& names, const NamedRowVisitor& visit) const override;
  Result<void> scan(Partition partition, std::string_view begin, std::string_view end,
                    const RowVisitor& visit) const override;
  Result<void> scan_back(Partition partition, std::string_view begin, std::string_view end,
                         const RowVisitor& visit) const override;
  Result<void> partitions(PartitionKind kind, uint64_t first, const PartitionVisitor& visit) const override;

  // The row if memory has it; nothing in the outer optional when the disk would have to be read.
  Result<std::optional<std::optional<std::string>>> get_from_memory(Partition partition,
                                                                    std::string_view key) const;

 private:
  const RocksDatabase& database_;
  const rocksdb::Snapshot* snapshot_;
};

}  // namespace posthouse::engine
