// Making a backup, and checking one.
#pragma once

#include <string>
#include <vector>

#include "app/backup/repository.h"
#include "app/config/load.h"

namespace posthouse::app::backup {

struct Options {
  std::string directory;
  uint64_t keep = 0;  // backups; 0: all
  uint64_t rate = 0;  // bytes a second; 0: no limit
  Progress progress;
};

// A snapshot of the store, by the server when one runs, is copied into the pool as far as it is not there,
// with the configuration, keys and certificates; then it is opened and counted. Older backups are whole
// whatever happens. `warnings`: what is not as it should be though the backup is complete.
Result<Catalog> make_backup(const Loaded& loaded, const Options& options, std::vector<std::string>& warnings);

struct Verified {
  std::vector<std::string> damaged;  // a line for each file, and for each letter that is not to be had for it
  bool lists = false;                // some of that are catalogs, which no backup makes again
  bool files = false;                // some are files of the pool, which the next one copies again
  std::vector<std::string> newer;    // for each backup that only a newer program can read
  std::vector<std::string> lost;     // for each letter whose body the store had lost before
};
// Reads every file of the backup (of all for "") and compares it with its hash.
Result<Verified> verify(const std::string& directory, const std::string& id, const Options& options);

// "12.3 MiB"
std::string size_for_people(uint64_t bytes);

}  // namespace posthouse::app::backup
