#include "engine/crc32c.h"

#include <array>
#include <cstddef>
#include <cstring>

namespace posthouse::engine {

namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
constexpr size_t kSlices = 8;                 // bytes a step

using Tables = std::array<std::array<uint32_t, 256>, kSlices>;

constexpr Tables make_tables() {
  Tables out{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    out[0][byte] = crc;
  }
  for (size_t slice = 1; slice < kSlices; ++slice) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = out[slice - 1][byte];
      out[slice][byte] = (before >> 8) ^ out[0][before & 0xff];
    }
  }
  return out;
}

constexpr Tables kTables = make_tables();

using Step = uint32_t (*)(uint32_t crc, std::string_view bytes);

uint32_t by_tables(uint32_t crc, std::string_view bytes) {
  const auto at = [&bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (; bytes.size() >= kSlices; bytes.remove_prefix(kSlices)) {
    uint32_t next = 0;
    for (size_t i = 0; i < kSlices; ++i) {
      const uint32_t from_crc = i < 4 ? (crc >> (8 * i)) & 0xff : 0;
      next ^= kTables[kSlices - 1 - i][at(i) ^ from_crc];
    }
    crc = next;
  }
  for (size_t i = 0; i < bytes.size(); ++i) crc = (crc >> 8) ^ kTables[0][(crc ^ at(i)) & 0xff];
  return crc;
}

#ifdef __x86_64__
[[gnu::target("sse4.2")]] uint32_t by_instruction(uint32_t crc, std::string_view bytes) {
  uint64_t state = crc;
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    state = __builtin_ia32_crc32di(state, word);
  }
  crc = static_cast<uint32_t>(state);
  for (const char c : bytes) crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(c));
  return crc;
}

Step best_step() {
  return __builtin_cpu_supports("sse4.2") ? by_instruction : by_tables;
}
#else
Step best_step() {
  return by_tables;
}
#endif

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  return crc32c(0, bytes);
}

uint32_t crc32c(uint32_t before, std::string_view more) {
  static const Step step = best_step();
  return ~step(~before, more);
}

// From the last byte on: each byte behind it takes the difference one step further.
std::optional<size_t> flipped_bit(size_t size, uint32_t difference) {
  std::array<uint32_t, 8> of_bit{};
  for (size_t bit = 0; bit < of_bit.size(); ++bit) of_bit[bit] = kTables[0][size_t{1} << bit];
  for (size_t byte = size; byte-- > 0;) {
    for (size_t bit = 0; bit < of_bit.size(); ++bit) {
      if (of_bit[bit] == difference) return 8 * byte + bit;
      of_bit[bit] = (of_bit[bit] >> 8) ^ kTables[0][of_bit[bit] & 0xff];
    }
  }
  return std::nullopt;
}

}  // namespace posthouse::engine
