// What a group of transactions changes, before it is written: a layer over the database that later steps read
// through. Each row is there once, however often it was changed, so a counter that a hundred letters count up
// is written once a group.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <memory_resource>
#include <optional>
#include <string_view>
#include <vector>

namespace rocksdb {
class WriteBatch;
}

namespace posthouse::engine {

class RocksDatabase;

// Used by the committer's thread only. Keys are whole database keys.
class Overlay {
 public:
  enum class State : unsigned char { untouched, put, erased };
  struct Change {
    State state = State::untouched;
    std::string_view value;
  };
  using Changes = std::pmr::map<std::string_view, Change>;
  enum Family : unsigned char { rows, chunks };

  const Changes& changes(Family family) const { return families_[family]; }
  void put(Family family, std::string_view key, std::string_view value);
  void erase(Family family, std::string_view key);

  // Bytes of keys and values put since clear().
  size_t bytes() const { return bytes_; }

  // A transaction begins / is undone back to its begin.
  void begin();
  void undo();

  // Adds all changes to the batch, in key order.
  void append_to(rocksdb::WriteBatch& batch, const RocksDatabase& database) const;
  void clear();

 private:
  struct Before {
    Change* place;
    Change change;
  };
  void set(Family family, std::string_view key, State state, std::string_view value);
  // The place of the key's change, made if there is none.
  Change& place_of(Family family, std::string_view key);
  std::string_view keep(std::string_view bytes);

  // Enough for most groups, and kept: no memory is asked for while letters come in.
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1 << 20);
  std::pmr::monotonic_buffer_resource arena_{buffer_.data(), buffer_.size()};
  Changes families_[2] = {Changes(&arena_), Changes(&arena_)};
  // Of some tables, where the last change was: a table's rows mostly come in order.
  static constexpr size_t kTables = 16;
  std::array<std::optional<Changes::iterator>, 2 * kTables> recent_;
  std::vector<Before> before_;
  size_t bytes_ = 0;
};

}  // namespace posthouse::engine
