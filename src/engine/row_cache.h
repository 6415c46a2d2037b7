// Rows the committer reads again and again: counters of accounts and mailboxes. As it is the only writer,
// what it remembers is what is stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "engine/rocks_overlay.h"

namespace posthouse::engine {

// Used by the committer's thread only. Forgets everything when it is full: what is hot comes back at once.
class RowCache {
 public:
  // nullptr: not known here.
  const std::string* find(std::string_view key) const;
  // A row as it was just read.
  void add(std::string_view key, std::string_view value);
  // What was written: known rows are brought up to date, others are not taken in.
  void update(const Overlay::Changes& changes);
  void clear();

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  std::unordered_map<std::string, std::string, Hash, std::equal_to<>> rows_;
  size_t bytes_ = 0;
};

}  // namespace posthouse::engine
