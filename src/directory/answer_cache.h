// Answers kept until anything in the directory changes.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "directory/lru_map.h"

namespace posthouse::directory {

// Thread-safe. An answer that was being looked up while something changed is not kept: it carries the
// generation it began with.
template <class Key, class Value>
class AnswerCache {
 public:
  explicit AnswerCache(size_t most) : answers_(most) {}

  uint64_t generation() const {
    std::lock_guard lock(mutex_);
    return generation_;
  }

  std::optional<Value> find(const Key& key) {
    std::lock_guard lock(mutex_);
    const Value* value = answers_.find(key);
    if (value == nullptr) return std::nullopt;
    return *value;
  }

  void add(const Key& key, const Value& value, uint64_t generation) {
    std::lock_guard lock(mutex_);
    if (generation == generation_) answers_.put(key, value);
  }

  void clear() {
    std::lock_guard lock(mutex_);
    ++generation_;
    answers_.clear();
  }

 private:
  mutable std::mutex mutex_;
  uint64_t generation_ = 1;
  LruMap<Key, Value> answers_;
};

}  // namespace posthouse::directory
