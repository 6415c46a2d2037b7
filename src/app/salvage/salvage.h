// `posthouse store salvage`: what can be read of a damaged store, as Maildirs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace posthouse::app {

struct Salvaged {
  uint64_t accounts = 0, letters = 0, bytes = 0;
  std::vector<std::string> unreadable;  // a line each; all of them are in the file UNREADABLE, too
  std::vector<std::string> in_files;  // a line for each account whose letters are files of its own, and where
  std::string obstacle;               // what was in the way of opening the store; "" if nothing was
};

// Writes TO/ADDRESS/MAILBOX, a Maildir with flags, dates and (as Dovecot has them) keywords. `to` is made,
// outside `store`; `exists` when there is something in it. What an interrupted one has left there
// (salvage/unfinished.h) is removed and made anew. Changes nothing in `store`. `temporary` while a server has
// it.
Result<Salvaged> salvage_store(const std::string& store, const std::string& to, uint64_t memory_budget,
                               const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace posthouse::app
