// Opens a damaged store for reading, whatever is left of it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "engine/engine.h"

namespace posthouse::engine {

struct SalvageOptions {
  std::string directory;  // of the store, where nothing is changed
  std::string workshop;   // a folder for what has to be made anew when the list of files can't be read; made
                          // when it is needed, left to the caller to be removed
  uint64_t memory_budget = 256ull << 20;
};

// `how`: a line about what was in the way. Fails with `temporary` when a server has the store.
Result<std::unique_ptr<Engine>> open_for_salvage(const SalvageOptions& options, std::string& how);

}  // namespace posthouse::engine
