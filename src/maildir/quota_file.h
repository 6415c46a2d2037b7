// `maildirsize` of Maildir++: how much is in an account, kept by everybody who delivers or removes. Its first
// line is the quota ("10000000S,1000C"), every other one a change of bytes and messages. Messages marked as
// trashed and those in Trash don't count.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "maildir/folder.h"

namespace posthouse::maildir {

struct QuotaLimits {
  uint64_t bytes = 0;  // 0: no limit
  uint64_t messages = 0;
  bool operator==(const QuotaLimits&) const = default;
};

struct QuotaUse {
  QuotaLimits limits;
  int64_t bytes = 0;
  int64_t messages = 0;
  // Not to be relied upon any more: too long, damaged, below zero, or over quota and not just calculated.
  bool is_stale = false;
};

// Whatever the bytes: nothing if not even the first line can be read.
std::optional<QuotaUse> parse_quota_file(std::string_view text);

class QuotaFile {
 public:
  QuotaFile(Folder root, const Clock& clock) : root_(std::move(root)), clock_(clock) {}

  // Nothing if there is no such file, or no readable one.
  Result<std::optional<QuotaUse>> read() const;
  // After a delivery or removal; one write of one line. Nothing to do where there is no file.
  Result<void> add(int64_t bytes, int64_t messages) const;
  // Counts all there is and writes the file anew. When others change the folders meanwhile it begins again;
  // in the end the file is removed, so that the next one counts.
  Result<QuotaUse> calculate(const QuotaLimits& limits, const std::string& unique) const;

 private:
  Folder root_;
  const Clock& clock_;
};

}  // namespace posthouse::maildir
