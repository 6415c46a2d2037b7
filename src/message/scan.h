// Quick looks at many bytes at once.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace posthouse::message {

struct ScanResult {
  uint64_t line_feeds = 0;
  bool has_8bit = false;
};

// Counts line feeds and notices bytes above 127, eight bytes a step.
inline ScanResult scan(std::string_view bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101, kLow = 0x7F7F7F7F7F7F7F7F, kHigh = 0x8080808080808080;
  constexpr size_t kBlock = 255;  // words after which a byte of the sum could overflow
  ScanResult result;
  const char* at = bytes.data();
  size_t words = bytes.size() / 8;
  uint64_t any = 0;
  while (words > 0) {
    const size_t n = words < kBlock ? words : kBlock;
    uint64_t sums = 0;
    for (size_t i = 0; i < n; ++i, at += 8) {
      uint64_t word;
      std::memcpy(&word, at, 8);
      any |= word;
      const uint64_t x = word ^ (kOnes * '\n');
      sums += (~(((x & kLow) + kLow) | x) & kHigh) >> 7;  // 1 in every byte that is a line feed
    }
    words -= n;
    // Sums of neighbours first: eight bytes of up to 255 don't fit into one byte.
    constexpr uint64_t kEven = 0x00FF00FF00FF00FF;
    const uint64_t pairs = (sums & kEven) + (sums >> 8 & kEven);
    result.line_feeds += (pairs * 0x0001000100010001) >> 48;
  }
  for (; at != bytes.data() + bytes.size(); ++at) {
    result.line_feeds += *at == '\n';
    any |= static_cast<unsigned char>(*at);
  }
  result.has_8bit = (any & kHigh) != 0;
  return result;
}

}  // namespace posthouse::message
