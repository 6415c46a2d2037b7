// Accounts that kept their mail in files, in a store that was restored as a whole.
#pragma once

#include <string>
#include <vector>

#include "app/backup/pool_files.h"
#include "app/config/config.h"
#include "app/core/core.h"

namespace posthouse::app::backup {

// Before anybody uses `core`, whose store reads from `files` from now on. Where an account's files are
// missing, its letters come from the backup: they are in the database when this returns, and what has to be
// done for the files to be made of them is in the outbox, for the server to do. Where there are files, they
// stay as they are and count: they are as new as the backup or newer. `before`: the configuration when the
// backup was made, by which files of other folders move along. A line for each account that an operator
// should look at goes to `notes`.
Task<Result<void>> restore_file_accounts(Core& core, PoolFiles& files, const Config& before,
                                         std::vector<std::string>& notes);

}  // namespace posthouse::app::backup
