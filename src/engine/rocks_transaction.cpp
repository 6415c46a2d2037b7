#include "engine/rocks_transaction.h"

#include <algorithm>

#include <rocksdb/db.h>

#include "engine/record.h"
#include "engine/rocks_database.h"
#include "engine/row_cache.h"

namespace posthouse::engine {

namespace {

// A transaction without chunks that puts less than this is let through when the disk is nearly full.
constexpr size_t kSmallTransaction = 64 * 1024;

std::string_view view(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

Result<void> outcome(const RocksDatabase& database, const rocksdb::Iterator& rows) {
  if (rows.status().ok()) return {};
  database.note_unreadable(rows.status());
  return std::unexpected(to_fault(rows.status(), "cannot read the store"));
}

// Walks two sorted sources as one, in either direction: the overlay's change of a row hides the database's
// row. `Cursor` is the overlay's side: has(), key(), change(), next(). `before` tells which of two keys comes
// first.
template <class Cursor, class Advance, class Before>
void merge(rocksdb::Iterator& rows, Cursor cursor, const Advance& advance, const Before& before,
           const RowVisitor& visit) {
  const auto show = [&](std::string_view key, std::string_view value) {
    return visit(key.substr(kPartitionPrefix), value);
  };
  while (rows.Valid() || cursor.has()) {
    const bool row_first = rows.Valid() && (!cursor.has() || before(view(rows.key()), cursor.key()));
    if (row_first) {
      if (!show(view(rows.key()), view(rows.value()))) return;
      advance(rows);
      continue;
    }
    const bool same = rows.Valid() && view(rows.key()) == cursor.key();
    const Overlay::Change& change = cursor.change();
    bool go_on = true;
    if (change.state == Overlay::State::put) {
      go_on = show(cursor.key(), change.value);
    } else if (change.state == Overlay::State::untouched && same) {
      go_on = show(view(rows.key()), view(rows.value()));
    }
    if (!go_on) return;
    if (same) advance(rows);
    cursor.next();
  }
}

struct Forward {
  Overlay::Changes::const_iterator at, end;
  std::string_view last;
  bool has() const { return at != end && at->first < last; }
  std::string_view key() const { return at->first; }
  const Overlay::Change& change() const { return at->second; }
  void next() { ++at; }
};

struct Backward {
  Overlay::Changes::const_iterator at, begin;  // `at` is behind the current one
  std::string_view first;
  bool has() const { return at != begin && std::prev(at)->first >= first; }
  std::string_view key() const { return std::prev(at)->first; }
  const Overlay::Change& change() const { return std::prev(at)->second; }
  void next() { --at; }
};

}  // namespace

void RocksTransaction::enter(Partition partition) {
  partition_ = partition;
  key_.clear();
  key_.push_back(static_cast<char>(partition.kind));
  append_key_u64(key_, partition.id);
}

Overlay::Family RocksTransaction::family() const {
  return partition_.kind == PartitionKind::blob ? Overlay::chunks : Overlay::rows;
}

Result<std::optional<std::string>> RocksTransaction::get(std::string_view key) const {
  key_.resize(kPartitionPrefix);
  key_.append(key);
  const Overlay::Changes& changes = overlay_.changes(family());
  if (const auto it = changes.find(key_); it != changes.end()) {
    if (it->second.state == Overlay::State::put) return std::string(it->second.value);
    if (it->second.state == Overlay::State::erased) return std::nullopt;
  }
  const bool cached = family() == Overlay::rows;
  if (const std::string* const known = cached ? cache_.find(key_) : nullptr) return *known;
  std::string value;
  const rocksdb::Status status =
      database_.db().Get(rocksdb::ReadOptions(), database_.family(partition_.kind), key_, &value);
  if (status.ok()) {
    if (cached) cache_.add(key_, value);
    return std::optional<std::string>(std::move(value));
  }
  if (status.IsNotFound()) return std::nullopt;
  database_.note_unreadable(status);
  return std::unexpected(to_fault(status, "cannot read the store"));
}

Result<void> RocksTransaction::scan(std::string_view begin, std::string_view end,
                                    const RowVisitor& visit) const {
  const std::string first = row_key(partition_, begin);
  const std::string last = range_end(partition_, end);
  if (last <= first) return {};
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> rows(
      database_.db().NewIterator(options, database_.family(partition_.kind)));
  rows->Seek(first);
  const Overlay::Changes& changes = overlay_.changes(family());
  merge(
      *rows, Forward{changes.lower_bound(first), changes.end(), last},
      [](rocksdb::Iterator& it) { it.Next(); }, [](std::string_view a, std::string_view b) { return a < b; },
      visit);
  return outcome(database_, *rows);
}

Result<void> RocksTransaction::scan_back(std::string_view begin, std::string_view end,
                                         const RowVisitor& visit) const {
  const std::string first = row_key(partition_, begin);
  const std::string last = range_end(partition_, end);
  if (last <= first) return {};
  const rocksdb::Slice lower(first);
  const rocksdb::Slice upper(last);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> rows(
      database_.db().NewIterator(options, database_.family(partition_.kind)));
  rows->SeekToLast();
  const Overlay::Changes& changes = overlay_.changes(family());
  merge(
      *rows, Backward{changes.lower_bound(last), changes.begin(), first},
      [](rocksdb::Iterator& it) { it.Prev(); }, [](std::string_view a, std::string_view b) { return a > b; },
      visit);
  return outcome(database_, *rows);
}

void RocksTransaction::put(std::string_view key, std::string_view value) {
  key_.resize(kPartitionPrefix);
  key_.append(key);
  overlay_.put(family(), key_, value);
  touch(partition_);
  put_bytes_ += key_.size() + value.size();
  if (partition_.kind == PartitionKind::blob || put_bytes_ > kSmallTransaction) grows_ = true;
}

void RocksTransaction::erase(std::string_view key) {
  key_.resize(kPartitionPrefix);
  key_.append(key);
  overlay_.erase(family(), key_);
  if (family() == Overlay::chunks) ++erased_chunks_;
  touch(partition_);
}

void RocksTransaction::hint(std::string_view key) {
  overlay_.put(Overlay::rows, row_key(hints_partition(), key), {});
  touch(hints_partition());
}

void RocksTransaction::touch(Partition partition) {
  if (touched_.empty() || touched_.back() != partition) touched_.push_back(partition);
}

}  // namespace posthouse::engine
