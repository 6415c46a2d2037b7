// What is on its way into the pool: letters, of which small ones are written into packs, lists of them, and
// small files. Many are flushed together and read back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "app/backup/copying.h"
#include "app/backup/letter_list.h"
#include "app/backup/repository.h"

namespace posthouse::app::backup {

class Intake {
 public:
  explicit Intake(Repository& repository) : repository_(repository) {}
  ~Intake();  // what did not come into the pool is removed
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;

  // Into a file of its own.
  Result<Copied> add_alone(const Pieces& pieces, const Took& took);
  // Into a pack, unless one has the same bytes already; sets hash, pack and offset. The pack has its name
  // once flush() has returned.
  Result<void> add_to_pack(std::string_view bytes, ListedLetter& letter);
  // What was added to packs knows their names then.
  void end_pack();
  // A file of its own, unless this run has found or put one of the same bytes in the pool. Sets size and
  // hash.
  Result<void> add_text(std::string_view text, File& file);
  // The same, of what another file holds; always written.
  Result<void> add_copy(const std::string& from, File& file, const Took& took);
  // All is in the pool, on disk and read back.
  Result<void> flush();
  // Bytes that the pool did not have.
  uint64_t copied() const { return copied_; }

 private:
  struct Place {
    std::shared_ptr<const Pack> pack;
    uint64_t offset = 0;
  };

  Result<void> begin_pack();
  Result<void> wait(std::string path, Copied what);
  Result<void> flush_if_much();

  Repository& repository_;
  std::vector<Repository::Fresh> waiting_;
  uint64_t bytes_ = 0, copied_ = 0;
  std::optional<PieceWriter> writer_;  // of the pack at hand
  std::shared_ptr<Pack> pack_;
  std::unordered_map<std::string, Place> packed_;  // by hash
  std::unordered_set<std::string> texts_;          // hashes of those that wait
};

}  // namespace posthouse::app::backup
