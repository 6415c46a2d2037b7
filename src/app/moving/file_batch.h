// Files that appear under their names once they are on the disk, many for the price of one flush.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "app/control/admin.h"
#include "base/clock.h"
#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::app::moving {

class FileBatch {
 public:
  ~FileBatch() { drop(); }

  // All that `pieces` give, by way of `change`, into a new file `part`, which has the time `date`.
  using Change = std::function<void(std::string_view piece, bool last, std::string& out)>;
  static Result<void> write(const std::string& part, SystemTime date, const control::LetterPieces& pieces,
                            const Change& change);
  // It will be `path`. In the same folder or another one of the same file system.
  Result<void> add(std::string part, std::string path);
  // On the disk, first the bytes and then the names.
  Result<void> finish();

 private:
  void drop();
  std::vector<std::pair<std::string, std::string>> files_;
};

}  // namespace posthouse::app::moving
