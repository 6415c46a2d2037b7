// The bytes of one letter while it comes in: in memory as long as it is short, else in a file without a name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "maildir/file.h"

namespace posthouse::app::moving {

class LetterSpool {
 public:
  explicit LetterSpool(std::string directory) : directory_(std::move(directory)) {}
  void clear();
  Result<void> append(std::string_view bytes);
  uint64_t size() const { return size_; }
  // Fewer bytes than `length` only at its end.
  Result<std::string> read(uint64_t offset, size_t length) const;

 private:
  Result<void> write_out();

  std::string directory_;
  std::string bytes_;  // those that are not in the file
  maildir::File file_;
  uint64_t size_ = 0;
};

}  // namespace posthouse::app::moving
