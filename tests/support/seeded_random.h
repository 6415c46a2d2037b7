// Random numbers that are the same in every run.
#pragma once

#include <mutex>
#include <random>

#include "base/random.h"

namespace posthouse::test {

// Thread-safe.
class SeededRandom : public Random {
 public:
  explicit SeededRandom(uint64_t seed = 1) : engine_(seed) {}

  void fill(std::span<unsigned char> out) override {
    const std::lock_guard lock(mutex_);
    for (unsigned char& byte : out) byte = static_cast<unsigned char>(engine_() & 0xff);
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

}  // namespace posthouse::test
