// How much the disk still holds, asked for at most every 50 ms.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace posthouse::engine {

// Thread-safe.
class FreeSpace {
 public:
  FreeSpace(std::string directory, uint64_t reserve);

  // Bytes that may be used, less the reserve; 0 when there is none.
  uint64_t usable() const;
  // After an error that says the disk is full: looks anew.
  void refresh() const;

 private:
  std::string directory_;
  uint64_t reserve_;
  mutable std::atomic<uint64_t> usable_{0};
  mutable std::atomic<int64_t> asked_{0};  // steady milliseconds
};

}  // namespace posthouse::engine
