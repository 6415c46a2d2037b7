// What has to be remembered about damaged files of the store from one start to the next: small files in the
// store's folder, which RocksDB leaves alone, and the folder beside it that keeps what was damaged.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace posthouse::engine {

// Keys as they are in RocksDB: `begin` <= key <= `end`.
struct KeyRange {
  std::string begin;
  std::string end;
};

// Suspects: names of tables ("000123.sst"), or
inline constexpr std::string_view kSuspectBlobs = "blobs";            // some blob file
inline constexpr std::string_view kSuspectEverything = "everything";  // who knows

// What a message of RocksDB's leads to.
std::string suspect_of(std::string_view message);

class DamageNotes {
 public:
  explicit DamageNotes(std::string directory) : directory_(std::move(directory)) {}

  // What the next start has to look at.
  Result<void> suspect(const std::string& name) const;
  std::vector<std::string> suspects() const;
  void forget_suspects() const;

  // Where rows may have gone, or gone back to what they were before, until those who own them have seen to
  // it.
  Result<void> lost(const std::vector<KeyRange>& ranges) const;  // instead of those noted before
  std::vector<KeyRange> lost() const;
  void forget_lost() const;

  // Tables that stand for others, so that RocksDB must not ask whether they are the ones it wrote.
  Result<void> stand_in(const std::string& name) const;
  bool has_stand_ins() const;  // forgets those that are gone

  // A blob file can't be mended: values must not be moved any more.
  Result<void> keep_blobs() const;
  bool keeps_blobs() const;

  // All notes, for a copy of the store.
  Result<void> copy_to(const std::string& directory) const;

  const std::string& directory() const { return directory_; }
  std::string file(std::string_view name) const { return directory_ + "/" + std::string(name); }

 private:
  std::string directory_;
};

// A new folder in DIRECTORY.damaged for what is about to be overwritten; made when the first thing comes.
class KeptAside {
 public:
  explicit KeptAside(std::string directory) : directory_(std::move(directory)) {}

  Result<void> keep(const std::string& name, std::string_view bytes);
  Result<void> keep_copy(const std::string& path);
  // A sentence for operators: Engine::damage() tells it until the folder is removed.
  enum class Loss { some, none };
  void tell(std::string sentence, Loss loss);
  const std::string& folder() const { return folder_; }
  bool empty() const { return folder_.empty(); }

 private:
  Result<void> make();

  std::string directory_;
  std::string folder_;
  std::string told_;
  bool lost_ = false;
};

// The sentences of such a folder; none for one that keeps a log that was read up to the damage only.
std::vector<std::string> told_in(const std::string& folder);
// Whether all that was told there went without a loss, or a repair has seen to it since.
bool is_over_in(const std::string& folder);
// Whether it keeps what was taken out of tables and blob files, not a log.
bool is_of_tables(const std::string& folder);
Result<void> note_over_in(const std::string& folder);
Result<void> tell_in(const std::string& folder, const std::string& sentence);

}  // namespace posthouse::engine
