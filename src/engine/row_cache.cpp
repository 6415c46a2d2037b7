#include "engine/row_cache.h"

namespace posthouse::engine {

namespace {

constexpr size_t kMaxBytes = 8 << 20;
constexpr size_t kMaxValue = 1024;
constexpr size_t kOverhead = 96;  // of an entry, about

}  // namespace

const std::string* RowCache::find(std::string_view key) const {
  const auto it = rows_.find(key);
  return it == rows_.end() ? nullptr : &it->second;
}

void RowCache::add(std::string_view key, std::string_view value) {
  if (value.size() > kMaxValue) return;
  const size_t size = key.size() + value.size() + kOverhead;
  if (bytes_ + size > kMaxBytes) clear();
  if (rows_.emplace(key, value).second) bytes_ += size;
}

void RowCache::update(const Overlay::Changes& changes) {
  for (const auto& [key, change] : changes) {
    if (change.state == Overlay::State::untouched) continue;
    const auto it = rows_.find(key);
    if (it == rows_.end()) continue;
    bytes_ -= it->first.size() + it->second.size() + kOverhead;
    if (change.state == Overlay::State::erased || change.value.size() > kMaxValue) {
      rows_.erase(it);
    } else {
      it->second.assign(change.value);
      bytes_ += it->first.size() + it->second.size() + kOverhead;
    }
  }
  if (bytes_ > kMaxBytes) clear();
}

void RowCache::clear() {
  rows_.clear();
  bytes_ = 0;
}

}  // namespace posthouse::engine
