// Randomness enters by constructor, so that tests can repeat it.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace posthouse {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<unsigned char> out) = 0;

  uint64_t u64();
  uint64_t below(uint64_t bound);    // uniform in [0, bound); bound > 0
  std::string token(size_t length);  // characters [a-z0-9], for identifiers and generated passwords
};

// The kernel's generator, fit for secrets. Lives as long as the program.
Random& system_random();

}  // namespace posthouse
