// The file UNFINISHED in the folder of a salvage, from before the first letter until after the last. It says
// that the folder is not whole, and what a repeat removes:
//   posthouse-salvage 1
//   NAME                    of each thing in the folder that the salvage has made, before that is made
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::app {

inline constexpr std::string_view kUnfinished = "UNFINISHED";

class UnfinishedSalvage {
 public:
  // Makes the folder. Of one that an unfinished salvage has left all goes that this has made. `exists` when
  // there is something else in it; `temporary` while another process writes there.
  static Result<UnfinishedSalvage> begin(const std::string& folder);
  // Before a thing of that name is made in the folder; repeatable.
  Result<void> note(std::string_view name) const;
  // All is there and on disk; or nothing is, as it could not begin.
  Result<void> end() const;

 private:
  UnfinishedSalvage(std::string folder, maildir::File file)
      : folder_(std::move(folder)), file_(std::move(file)) {}

  std::string folder_;
  maildir::File file_;  // locked
};

// The folder, this one or one above it, that an unfinished salvage has left; "": none. Links are followed.
std::string unfinished_salvage_at(const std::string& path);

}  // namespace posthouse::app
