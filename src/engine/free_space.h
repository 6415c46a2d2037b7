// How much the disk still holds: asked for at most once a second, and what is written meanwhile is
// subtracted.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/clock.h"

namespace posthouse::engine {

// Thread-safe.
class FreeSpace {
 public:
  FreeSpace(std::string directory, uint64_t reserve, const Clock& clock = system_clock());

  // Bytes that may be used, less the reserve; 0 when there is none.
  uint64_t usable() const;
  // After an error that says the disk is full: looks anew.
  void refresh() const;
  // So much was written.
  void spend(uint64_t bytes);

 private:
  int64_t now_ms() const;

  std::string directory_;
  uint64_t reserve_;
  const Clock& clock_;
  mutable std::atomic<uint64_t> usable_{0};
  mutable std::atomic<int64_t> asked_{0};  // steady milliseconds
};

}  // namespace posthouse::engine
