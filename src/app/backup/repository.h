// The folder that keeps backups: one pool of files, each named by its hash, and a catalog for each backup
// that says which of them it consists of. So what two backups have in common is there once, and a file that
// has changed on the disk shows. docs/formats/backup.md.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "app/backup/catalog.h"
#include "app/backup/copying.h"
#include "app/backup/letter_list.h"
#include "base/result.h"

namespace posthouse::app::backup {

class Repository {
 public:
  // To read, alongside other readers: `not_found` when DIR is not one of ours.
  static Result<Repository> open(const std::string& directory);
  // To write, alone: makes one of an empty or missing folder, refuses others (`policy`), `temporary` when
  // another is at work there, `exists` where none can be made. What a crash has left half-done goes.
  static Result<Repository> open_to_write(const std::string& directory);
  Repository(Repository&& other) noexcept;
  Repository& operator=(Repository&&) = delete;
  Repository(const Repository&) = delete;
  Repository& operator=(const Repository&) = delete;
  ~Repository();

  // Oldest first. A damaged catalog is named in `damaged` and left out; so is one that a newer program made,
  // but in `newer` if that is given.
  std::vector<Catalog> list(std::vector<std::string>& damaged,
                            std::vector<std::string>* newer = nullptr) const;
  // The latest for "".
  Result<Catalog> find(const std::string& id) const;

  std::string pool_path(const std::string& sha256) const;
  std::string file(const File& file) const { return pool_path(file.sha256); }
  bool has(const File& file) const;  // with the right size
  // The same, and this object has read it, or put it there, so that nothing is to be mended by another copy.
  bool is_whole(const File& file) const { return whole_.contains(file.sha256) && has(file); }
  // Puts a copy into the pool, unless what it holds is there. Fills in size and hash; true if it is new.
  Result<bool> take(const std::string& from, File& file, const Took& took);
  // Many small ones at once, each written to its unfinished_file() (not flushed): they are flushed together,
  // read back, and in the pool when this returns. How many bytes of them are new.
  struct Fresh {
    std::string path;
    Copied what;
  };
  std::string unfinished_file(size_t number) const { return fmt::format("{}/letter-{}", scratch(), number); }
  std::string unfinished_pack() { return fmt::format("{}/pack-{}", scratch(), ++packs_); }
  Result<uint64_t> take_all(const std::vector<Fresh>& files);
  // What a list of letters in the pool holds. `corrupt` when it is not what was written.
  Result<std::vector<ListedLetter>> letters(const File& list) const;
  // The backup is complete with this.
  Result<void> add(const Catalog& catalog);
  // Removes all but the `keep` latest (0: none), and files that no catalog and none of their lists names.
  // `listed`: what lists of the latest one name, as far as known: then they need not be read for it.
  Result<void> prune(uint64_t keep, const std::set<std::string>& listed = {});

  std::string new_id() const;
  // Bytes that may be written.
  Result<uint64_t> free_space() const;
  const std::string& directory() const { return directory_; }

 private:
  Repository(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}
  std::string catalog_path(const std::string& id) const;
  std::string scratch() const { return directory_ + "/unfinished"; }
  std::vector<std::string> ids() const;
  using Paths = std::map<std::string, std::string>;  // of files in the pool, by name
  Result<Paths> unnamed(const std::vector<Catalog>& catalogs, const std::set<std::string>& listed) const;
  Result<Catalog> read(const std::string& id, bool* newer = nullptr) const;

  std::string directory_;
  int lock_;
  uint64_t packs_ = 0;  // begun
  mutable std::set<std::string> whole_;
};

}  // namespace posthouse::app::backup
