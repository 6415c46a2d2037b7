// Time enters by constructor, so that tests can hold it still.
#pragma once

#include <chrono>
#include <cstdint>

namespace posthouse {

using SystemTime = std::chrono::sys_time<std::chrono::milliseconds>;  // since 1970, UTC
using SteadyTime = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual SystemTime now() const = 0;
  virtual SteadyTime steady() const = 0;
};

// The machine's clocks. Lives as long as the program.
const Clock& system_clock();

}  // namespace posthouse
