// Notices that files were changed or replaced: certificates that another program renews.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/loop.h"

namespace posthouse::net {

class FileWatch {
 public:
  // Calls `changed` on `loop` about a second after the last of some changes to any of `files`, which need not
  // exist yet. Their folders are watched, so that a file or symbolic link that is renamed into place counts.
  // A folder that does not exist is logged and left out. Any thread.
  FileWatch(Loop& loop, const std::vector<std::string>& files, std::function<void()> changed);
  ~FileWatch();  // on the loop's thread or after it stopped

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace posthouse::net
