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

Result<void> outcome(const RocksDatabase& database, const rocksdb::Iterator& it) {
  if (it.status().ok()) return {};
  database.note_unreadable(it.status());
  return std::unexpected(to_fault(it.status(), "cannot read the store"));
}

// An id at `from` or behind it that stumbles, and whose successor does not (or that is the last of all).
template <class Stumbles>
uint64_t last_stumble(uint64_t from, const Stumbles& stumbles) {
  uint64_t bad = from;
  uint64_t good = UINT64_MAX;
  for (uint64_t stride = 1; stride < UINT64_MAX - from; stride *= 2) {
    if (!stumbles(from + stride)) {
      good = from + stride;
      break;
    }
    bad = from + stride;
    if (stride > UINT64_MAX / 2) break;
  }
  if (good == UINT64_MAX && stumbles(good)) return good;
  while (good - bad > 1) {
    const uint64_t middle = bad + (good - bad) / 2;
    (stumbles(middle) ? bad : good) = middle;
  }
  return bad;
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
  database_.note_unreadable(status);
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
  // When a table is not open yet, RocksDB says ok with an empty value and means "may exist". A row that is
  // really empty takes the longer way then, too.
  if (status.IsIncomplete() || (status.ok() && value.empty())) return Found();
  if (status.ok()) return Found(std::optional<std::string>(std::move(value)));
  if (status.IsNotFound()) return Found(std::optional<std::string>());
  return std::unexpected(to_fault(status, "cannot read the store"));
}

namespace {

// Finds rows one after the other with one iterator. A row that stands behind the one before it is a step or
// some away (a blob has a row for each of its references), which costs a fraction of a search; but a step to
// a row that nobody wants may read its value from a blob file, so where steps were in vain some searches go
// by before the next try.
class RowWalk {
 public:
  RowWalk(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, const rocksdb::ReadOptions& options)
      : it_(db.NewIterator(options, family)) {}

  // What stands there: a row, or that there is none. False: something can't be read, perhaps another row.
  bool find(const std::string& key, bool same_partition) {
    int& wait = same_partition ? wait_within_ : wait_between_;
    const bool behind = it_->Valid() && it_->key().compare(key) < 0;
    if (behind && wait == 0) {
      if (step_to(key)) return true;
      wait = kSearches;
    } else if (wait > 0) {
      --wait;
    }
    it_->Seek(key);
    return it_->status().ok();
  }
  std::optional<std::string_view> value(const std::string& key) const {
    return it_->Valid() && it_->key() == key ? std::optional(view(it_->value())) : std::nullopt;
  }

 private:
  static constexpr int kSearches = 16;
  static constexpr int kSteps = 8;
  static constexpr size_t kSmallValue = 64;

  // Over small rows of the partition where it stands.
  bool step_to(const std::string& key) {
    const std::string from(view(it_->key()).substr(0, kPartitionPrefix));
    for (int steps = 0; steps < kSteps; ++steps) {
      it_->Next();
      if (!it_->Valid()) return false;
      if (it_->key().compare(key) >= 0) return true;
      if (!it_->key().starts_with(from) || it_->value().size() > kSmallValue) return false;
    }
    return false;
  }

  std::unique_ptr<rocksdb::Iterator> it_;
  int wait_within_ = 0;
  int wait_between_ = 0;
};

}  // namespace

Result<void> RocksReader::get_many(const std::vector<RowName>& names, const NamedRowVisitor& visit) const {
  if (names.empty()) return {};
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  RowWalk walk(database_.db(), database_.family(names.front().partition.kind), options);
  for (size_t i = 0; i < names.size(); ++i) {
    const auto& [partition, name] = names[i];
    const std::string key = row_key(partition, name);
    if (walk.find(key, i > 0 && partition == names[i - 1].partition)) {
      if (!visit(i, walk.value(key))) return {};
      continue;
    }
    const Result<std::optional<std::string>> row = get(partition, name);
    if (!row) return std::unexpected(row.error());
    if (!visit(i, *row)) return {};
  }
  return {};
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
  return outcome(database_, *it);
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
  return outcome(database_, *it);
}

// A row that can't be read hides the partition it begins: from everywhere in front of it the iterator
// stumbles. Its id is found by trying further and further behind, then by halving.
Result<void> RocksReader::partitions(PartitionKind kind, uint64_t first,
                                     const PartitionVisitor& visit) const {
  const std::string last = partition_end({kind, UINT64_MAX});
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.snapshot = snapshot_;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(options, database_.family(kind)));
  const auto stumbles = [&](uint64_t id) {
    it->Seek(row_key({kind, id}, ""));
    return it->status().IsCorruption() || it->status().IsPathNotFound();  // a file that is gone, too
  };
  uint64_t from = first;
  while (true) {
    uint64_t id = 0;
    if (stumbles(from)) {
      id = last_stumble(from, stumbles);
    } else if (it->Valid()) {
      id = read_key_u64(view(it->key()).substr(1));
    } else {
      return outcome(database_, *it);
    }
    if (!visit(id) || id == UINT64_MAX) return {};
    from = id + 1;
  }
}

}  // namespace posthouse::engine
