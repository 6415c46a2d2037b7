#include "app/setup/undo.h"

#include <filesystem>

namespace posthouse::app {

namespace fs = std::filesystem;

Undo::~Undo() {
  std::error_code ignored;
  for (const std::string& path : made_) fs::remove_all(path, ignored);
}

// Of parents that are missing, too: the outermost one takes all with it.
void Undo::will_make(const std::string& path) {
  std::error_code error;
  fs::path missing;
  for (fs::path at = path; !at.empty() && !fs::exists(fs::symlink_status(at, error)); at = at.parent_path())
    missing = at;
  if (!missing.empty()) made_.push_back(missing.string());
}

}  // namespace posthouse::app
