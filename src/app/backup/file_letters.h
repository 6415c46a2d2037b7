// The letters that accounts keep in files (Maildir, mbox), on their way into a backup.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/backup/repository.h"
#include "app/core/core.h"
#include "app/privileges/user.h"

namespace posthouse::app::backup {

struct LettersTaken {
  uint64_t letters = 0, bytes = 0;  // that the backup has
  uint64_t copied = 0;              // bytes that were not in the pool
  uint64_t gone = 0;                // others removed them while we read
  uint64_t unread = 0;              // can't be read
  std::vector<File> lists;
  std::set<std::string> names;  // of the files of the pool that these name
};

// `snapshot`: the index of that moment, opened. Each letter whose file is still the one of the latest backup
// is not read again. `owner`: with whose rights files are read, if not ours. What could not be had is in
// `warnings`, a line for an account and a reason; faults are those of the repository.
Result<LettersTaken> take_file_letters(Core& snapshot, Repository& repository,
                                       const std::optional<User>& owner, Rate& rate, const Progress& progress,
                                       std::vector<std::string>& warnings);

}  // namespace posthouse::app::backup
