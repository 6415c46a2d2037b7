#include "base/random.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace posthouse {

uint64_t Random::u64() {
  std::array<unsigned char, sizeof(uint64_t)> bytes{};
  fill(bytes);
  uint64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

uint64_t Random::below(uint64_t bound) {
  // Throws away the incomplete last stretch of the numbers, so that all remainders are equally likely.
  const uint64_t unfair = -bound % bound;  // 2^64 mod bound
  for (;;) {
    const uint64_t value = u64();
    if (value >= unfair) return value % bound;
  }
}

std::string Random::token(size_t length) {
  constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr unsigned kFair = 252;  // the largest multiple of 36 in a byte
  std::string out;
  out.reserve(length);
  std::array<unsigned char, 32> bytes{};
  while (out.size() < length) {
    fill(bytes);
    for (const unsigned char byte : bytes) {
      if (byte < kFair && out.size() < length) out.push_back(kAlphabet[byte % 36]);
    }
  }
  return out;
}

namespace {
class KernelRandom : public Random {
 public:
  void fill(std::span<unsigned char> out) override {
    while (!out.empty()) {
      const ssize_t n = getrandom(out.data(), out.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw std::system_error(errno, std::generic_category(), "getrandom");
      out = out.subspan(static_cast<size_t>(n));
    }
  }
};
}  // namespace

Random& system_random() {
  static KernelRandom random;
  return random;
}

}  // namespace posthouse
