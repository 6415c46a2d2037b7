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

// Only whether there is a byte above 127.
inline bool scan_8bit(std::string_view bytes) {
  constexpr uint64_t kHigh = 0x8080808080808080;
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  uint64_t any = 0;
  for (; end - at >= 64; at += 64) {
    uint64_t words[8];
    std::memcpy(words, at, 64);
    any |= ((words[0] | words[1]) | (words[2] | words[3])) | ((words[4] | words[5]) | (words[6] | words[7]));
  }
  for (; at != end; ++at) any |= static_cast<uint64_t>(static_cast<unsigned char>(*at));
  return (any & kHigh) != 0;
}

// Printable ASCII without two spaces in a row: about how much of it there is at the start, in whole vectors.
// What comes behind has to be looked at byte by byte; the last byte may be a space.
inline size_t printable_run(std::string_view text) {
  constexpr size_t kVector = 16;
  using Bytes = unsigned char __attribute__((vector_size(kVector)));
  using Words = uint64_t __attribute__((vector_size(kVector)));
  size_t n = 0;
  for (; n + kVector < text.size(); n += kVector) {
    Bytes here, next;
    std::memcpy(&here, text.data() + n, kVector);
    std::memcpy(&next, text.data() + n + 1, kVector);
    const auto other = static_cast<Bytes>(here - ' ' > Bytes{} + ('~' - ' '));
    const auto two = static_cast<Bytes>((here == ' ') & (next == ' '));
    const Bytes any = other | two;
    Words words;
    std::memcpy(&words, &any, kVector);
    if ((words[0] | words[1]) != 0) break;
  }
  return n;
}

// How many bytes at the start are not above 127.
inline size_t ascii_run(std::string_view bytes) {
  constexpr uint64_t kHigh = 0x8080808080808080;
  size_t n = 0;
  for (uint64_t word; n + 8 <= bytes.size(); n += 8) {
    std::memcpy(&word, bytes.data() + n, 8);
    if ((word & kHigh) != 0) break;
  }
  while (n < bytes.size() && static_cast<unsigned char>(bytes[n]) < 0x80) ++n;
  return n;
}

}  // namespace posthouse::message
