// Reaching files with the rights of somebody else, for a moment.
#pragma once

#include <optional>

#include "app/privileges/user.h"

namespace posthouse::app {

// While it lives, this thread (and no other) opens files as `user` and not as root: what he may not read, or
// a link that he made, leads nowhere. Without a user nothing changes. The process does not become him: what
// it opened before stays open, and it is root again afterwards.
class FilesAs {
 public:
  explicit FilesAs(const std::optional<User>& user);
  ~FilesAs();
  FilesAs(const FilesAs&) = delete;
  FilesAs& operator=(const FilesAs&) = delete;
  bool done() const { return done_; }  // false: it could not be, and nothing may be opened

 private:
  bool changed_ = false;
  bool done_ = true;
  unsigned gid_ = 0;
};

}  // namespace posthouse::app
