// A database of what can be made anew from elsewhere: thrown away where it can't be trusted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/engine.h"

namespace posthouse::engine {

struct DisposableOptions {
  std::string directory;  // of all its versions
  // Of what the rows mean: the name of the folder. Those of other versions are not looked at, and go.
  std::string version;
  uint64_t memory = 32ull << 20;
  uint64_t space_reserve = 0;                      // nothing is written when the disk has less free
  const char* thrown_away = "engine.thrown_away";  // what the log calls it
};

// Makes it where there is none, and in the place of one that is damaged. What a power cut takes of it is
// lost. `temporary` while another has it open.
Result<std::unique_ptr<Engine>> open_disposable(const DisposableOptions& options);

// While it is not open.
Result<void> remove_disposable(const std::string& directory);
uint64_t disposable_size(const std::string& directory);  // octets on the disk

}  // namespace posthouse::engine
