#include "engine/rocks_reader.h"

#include <rocksdb/db.h>

#include "engine/record.h"
#include "engine/rocks_database.h"

namespace posthouse::engine {

namespace {

std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

bool show(const rocksdb::Iterator& it, const RowVisitor& visit) {
  return visit(view(it.key()).substr(kPartitionPrefix), view(it.value()));
}

Result<void> outcome(const rocksdb::Iterator& it) {
  if (it.status().ok()) return {};
  return std::unexpected(to_fault(it.status(), "cannot read the store"));
}

}  // namespace

Result<std::optional<std::string>> RocksReader::get(Partition partition, std::string_view key) const {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  std::string value;
  const rocksdb::Status status =
      database_.db().Get(options, database_.family(partition.kind), row_key(partition, key), &value);
  if (status.ok()) return std::optional<std::string>(std::move(value));
  if (status.IsNotFound()) return std::nullopt;
  return std::unexpected(to_fault(status, "cannot read the store"));
}

Result<std::optional<std::optional<std::string>>> RocksReader::get_from_memory(Partition partition,
                                                                               std::string_view key) const {
  using Found = std::optional<std::optional<std::string>>;
  rocksdb::ReadOptions options;
  options.read_tier = rocksdb::kBlockCacheTier;
  std::string value;
  const rocksdb::Status status =
      database_.db().Get(options, database_.family(partition.kind), row_key(partition, key), &value);
  if (status.ok()) return Found(std::optional<std::string>(std::move(value)));
  if (status.IsNotFound()) return Found(std::optional<std::string>());
  if (status.IsIncomplete()) return Found();
  return std::unexpected(to_fault(status, "cannot read the store"));
}

Result<void> RocksReader::scan(Partition partition, std::string_view begin, std::string_view end,
                               const RowVisitor& visit) const {
  const std::string first = row_key(partition, begin);
  const std::string last = range_end(partition, end);
  if (last <= first) return {};
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(options, database_.family(partition.kind)));
  for (it->Seek(first); it->Valid(); it->Next()) {
    if (!show(*it, visit)) break;
  }
  return outcome(*it);
}

Result<void> RocksReader::scan_back(Partition partition, std::string_view begin, std::string_view end,
                                    const RowVisitor& visit) const {
  const std::string first = row_key(partition, begin);
  const std::string last = range_end(partition, end);
  if (last <= first) return {};
  const rocksdb::Slice lower(first);
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(
      database_.db().NewIterator(options, database_.family(partition.kind)));
  for (it->SeekToLast(); it->Valid(); it->Prev()) {
    if (!show(*it, visit)) break;
  }
  return outcome(*it);
}

Result<void> RocksReader::partitions(PartitionKind kind, uint64_t first,
                                     const PartitionVisitor& visit) const {
  const std::string last = partition_end({kind, UINT64_MAX});
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(options, database_.family(kind)));
  it->Seek(row_key({kind, first}, ""));
  while (it->Valid()) {
    const uint64_t id = read_key_u64(view(it->key()).substr(1));
    if (!visit(id) || id == UINT64_MAX) break;
    it->Seek(row_key({kind, id + 1}, ""));
  }
  return outcome(*it);
}

}  // namespace posthouse::engine
