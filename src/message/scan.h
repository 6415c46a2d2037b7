// Quick looks at many bytes at once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace posthouse::message {

struct ScanResult {
  uint64_t line_feeds = 0;
  bool has_8bit = false;
};

// Counts line feeds and notices bytes above 127, two vectors a step.
inline ScanResult scan(std::string_view bytes) {
  constexpr size_t kVector = 16;
  using Bytes = unsigned char __attribute__((vector_size(kVector)));
  using Words = uint64_t __attribute__((vector_size(kVector)));
  constexpr uint64_t kHigh = 0x8080808080808080;
  constexpr size_t kBlock = 127;  // pairs of vectors after which a byte of the sums could overflow
  ScanResult result;
  const char* at = bytes.data();
  Bytes any{};
  for (size_t pairs = bytes.size() / (2 * kVector); pairs > 0;) {
    const size_t n = pairs < kBlock ? pairs : kBlock;
    Bytes sums{};
    for (size_t i = 0; i < n; ++i, at += 2 * kVector) {
      Bytes one, two;
      std::memcpy(&one, at, kVector);
      std::memcpy(&two, at + kVector, kVector);
      any |= one | two;
      sums -= static_cast<Bytes>(one == '\n') + static_cast<Bytes>(two == '\n');  // true is -1
    }
    pairs -= n;
    Words words;
    std::memcpy(&words, &sums, kVector);
    // Sums of neighbours first: eight bytes of up to 255 don't fit into one byte.
    constexpr uint64_t kEven = 0x00FF00FF00FF00FF;
    const Words neighbours = (words & kEven) + (words >> 8 & kEven);
    result.line_feeds += ((neighbours[0] + neighbours[1]) * 0x0001000100010001) >> 48;
  }
  Words words;
  std::memcpy(&words, &any, kVector);
  uint64_t rest = 0;
  for (; at != bytes.data() + bytes.size(); ++at) {
    result.line_feeds += *at == '\n';
    rest |= static_cast<unsigned char>(*at);
  }
  result.has_8bit = ((words[0] | words[1] | rest) & kHigh) != 0;
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

// Which byte of a word, as it lies in memory, is the first that is not 0.
inline size_t first_byte(uint64_t word) {
  constexpr int kBits = 8;
  const int zeros =
      std::endian::native == std::endian::little ? std::countr_zero(word) : std::countl_zero(word);
  return static_cast<size_t>(zeros / kBits);
}

// Printable ASCII without two spaces in a row: how much of it there is at the start, at least, looked at in
// whole vectors. The last few bytes of a text have to be looked at one by one; the last byte that is counted
// may be a space.
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
    if (words[0] != 0) return n + first_byte(words[0]);
    if (words[1] != 0) return n + sizeof(uint64_t) + first_byte(words[1]);
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
