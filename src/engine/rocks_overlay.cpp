#include "engine/rocks_overlay.h"

#include <cstring>

#include <rocksdb/write_batch.h>

#include "engine/rocks_database.h"

namespace posthouse::engine {

void Overlay::put(Family family, std::string_view key, std::string_view value) {
  bytes_ += key.size() + value.size();
  set(family, key, State::put, keep(value));
}

void Overlay::erase(Family family, std::string_view key) {
  bytes_ += key.size();
  set(family, key, State::erased, {});
}

void Overlay::begin() {
  before_.clear();
}

void Overlay::undo() {
  for (auto it = before_.rbegin(); it != before_.rend(); ++it) *it->place = it->change;
  before_.clear();
}

void Overlay::set(Family family, std::string_view key, State state, std::string_view value) {
  Change& change = place_of(family, key);
  before_.push_back({&change, change});
  change = Change{state, value};
}

Overlay::Change& Overlay::place_of(Family family, std::string_view key) {
  Changes& all = families_[family];
  const size_t table = key.size() > kPartitionPrefix ? static_cast<unsigned char>(key[kPartitionPrefix]) : 0;
  std::optional<Changes::iterator>& recent = recent_[(family == rows ? 0 : kTables) + table % kTables];
  auto it = all.end();
  if (recent && (*recent)->first < key) it = std::next(*recent);
  const bool fits = recent && (*recent)->first < key && (it == all.end() || key <= it->first);
  if (!fits) it = all.lower_bound(key);
  if (it == all.end() || it->first != key) it = all.emplace_hint(it, keep(key), Change());
  recent = it;
  return it->second;
}

std::string_view Overlay::keep(std::string_view bytes) {
  if (bytes.empty()) return {};
  auto* const place = static_cast<char*>(arena_.allocate(bytes.size(), 1));
  std::memcpy(place, bytes.data(), bytes.size());
  return {place, bytes.size()};
}

void Overlay::append_to(rocksdb::WriteBatch& batch, const RocksDatabase& database) const {
  for (const Family family : {rows, chunks}) {
    rocksdb::ColumnFamilyHandle* const handle = family == rows ? database.rows() : database.chunks();
    for (const auto& [key, change] : families_[family]) {
      if (change.state == State::put) batch.Put(handle, key, change.value);
      if (change.state == State::erased) batch.Delete(handle, key);
    }
  }
}

void Overlay::clear() {
  recent_.fill(std::nullopt);
  for (Changes& changes : families_) changes.clear();
  before_.clear();
  arena_.release();
  bytes_ = 0;
}

}  // namespace posthouse::engine
