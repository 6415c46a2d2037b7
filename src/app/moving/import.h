// Letters from elsewhere into one account, while it is in use.
#pragma once

#include <string>
#include <vector>

#include "app/control/admin.h"
#include "app/moving/source.h"

namespace posthouse::app::moving {

struct ImportOptions {
  std::string address;
  std::string into;  // mailbox; "": where they are in the source
  bool dry_run = false;
  bool sync_flags = false;  // letters that are there get the flags that they have in the source
  Progress progress;
};

struct MovedMailbox {
  std::string from, to;
  uint64_t read = 0;     // letters in the source
  uint64_t there = 0;    // already
  uint64_t moved = 0;    // or, in a dry run, what would be
  uint64_t flagged = 0;  // letters that were there, and got other flags
};

struct MoveOutcome {
  std::vector<MovedMailbox> mailboxes;
  std::vector<std::string> skipped;   // a line each, at most kMostSkipped
  std::vector<std::string> left_out;  // on purpose
  uint64_t skipped_count = 0;
};

inline constexpr size_t kMostSkipped = 1'000;

// A letter is there when its mailbox has one of the same size and checksum; each of
// those stands for one letter of the source. So repeating it doubles nothing, and an interrupted one goes
// on. Flags of what is there stay as they are, unless `sync_flags`. A fault: what came before it is in.
Result<MoveOutcome> import_letters(control::Admin& admin, Source& source, const ImportOptions& options);

}  // namespace posthouse::app::moving
