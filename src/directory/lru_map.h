// A map of bounded size: when it is full, the entry that was unused for longest makes room.
#pragma once

#include <cstddef>
#include <list>
#include <unordered_map>
#include <utility>

namespace posthouse::directory {

// Not thread-safe.
template <class Key, class Value>
class LruMap {
 public:
  explicit LruMap(size_t most) : most_(most) {}

  // The value, now the most recently used; nullptr if there is none. Valid until the next put() or erase().
  Value* find(const Key& key) {
    auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &it->second->second;
  }

  Value& put(const Key& key, Value value) {
    if (Value* there = find(key)) return *there = std::move(value);
    if (index_.size() >= most_) {
      index_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
    return entries_.front().second;
  }

  void erase(const Key& key) {
    auto it = index_.find(key);
    if (it == index_.end()) return;
    entries_.erase(it->second);
    index_.erase(it);
  }

  void clear() {
    index_.clear();
    entries_.clear();
  }

  size_t size() const { return index_.size(); }

 private:
  size_t most_;
  std::list<std::pair<Key, Value>> entries_;  // most recently used first
  std::unordered_map<Key, typename std::list<std::pair<Key, Value>>::iterator> index_;
};

}  // namespace posthouse::directory
