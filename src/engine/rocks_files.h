// The files of a store as they lie on disk, before anything opens them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace posthouse::engine {

enum class StoreFiles {
  none,      // no store, and nothing that was one
  whole,     // a store, as far as its names tell
  hidden,    // that can't be told: the rights are missing
  headless,  // tables or logs, but not the file CURRENT that says which of them count
};

StoreFiles look_at_store(const std::string& directory);

// A new folder DIRECTORY.damaged/TIME for what is damaged and must not get lost.
Result<std::string> new_damaged_folder(const std::string& directory, std::string_view suffix);

// Damage to the store's log must not stop a start, and nothing of it may go either: keep_damaged_log() gives
// the logs second names in such a folder and returns it.
Result<std::string> keep_damaged_log(const std::string& directory);
void forget_damaged_log(const std::string& kept);

// The logs, oldest first: paths.
std::vector<std::string> logs_in(const std::string& directory);

// Those folders that nobody has removed since, oldest first.
std::vector<std::string> damaged_folders(const std::string& directory);

}  // namespace posthouse::engine
