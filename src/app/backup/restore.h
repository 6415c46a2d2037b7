// Putting everything back onto a host that has nothing.
#pragma once

#include <string>
#include <vector>

#include "app/backup/repository.h"
#include "app/config/config.h"

namespace posthouse::app::backup {

enum class Queued : uint8_t { keep, hold, drop };

struct RestoreOptions {
  std::string directory;
  std::string id;           // "": the latest
  std::string config_file;  // made when it is not there; else it says where the data goes
  Queued queued = Queued::hold;
  bool latest = false;  // nothing was changed since the backup: UIDVALIDITYs stay
  Progress progress;
};

struct Restored {
  Catalog catalog;
  std::string config_file, data_directory;
  bool made_config = false;
  std::vector<std::string> written;   // files outside the data directory
  std::vector<std::string> warnings;  // of these files, and of accounts whose mail is in files
};

// Into a data directory that is empty, or where an earlier restore did not come to its end (`exists`
// otherwise). The store appears last and at once, so whatever comes between leaves no half of it.
Result<Restored> restore_all(const RestoreOptions& options);

// The configuration that the file, or without it the backup, has. Nothing is made.
Result<Config> config_for(const Repository& repository, const Catalog& catalog,
                          const std::string& config_file);

// Fails as restore_all() would for what is in the data directory.
Result<void> check_empty(const Config& config, const std::string& config_file);

}  // namespace posthouse::app::backup
