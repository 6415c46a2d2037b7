// Levels of mailbox names as names of files and folders.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace posthouse::app::moving {

// In modified UTF-7 (RFC 3501 section 5.1.3), a dot as "&AC4-". syntax: no such name can be.
Result<std::string> file_of_level(std::string_view level);
// Back, also for what others wrote; text that is no modified UTF-7 stays as it is.
std::string level_of_file(std::string_view file);
// "A/B" as the path of a file "A/B" + `end`: each level for itself. syntax also where a level is too long for
// that.
Result<std::string> path_of_mailbox(std::string_view mailbox, std::string_view end);
// "name" within "above", which may be empty.
std::string below(const std::string& above, const std::string& name);

bool is_folder(const std::string& path);
// Names in a folder but hidden ones, sorted; links lead nowhere.
struct Listing {
  std::vector<std::string> folders, files;
};
Result<Listing> list_folder(const std::string& path, bool hidden_folders = false);

}  // namespace posthouse::app::moving
