#include "message/decoded_size.h"

#include <array>
#include <cstring>
#include <utility>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

constexpr size_t kVector = 16;
// Digits of a line that is worth a look with vectors. 76 is the most that RFC 2045 section 6.8 allows.
constexpr size_t kShortestLine = kVector, kLongestLine = 1024;

using Bytes = unsigned char __attribute__((vector_size(kVector)));
using Words = uint64_t __attribute__((vector_size(kVector)));

constexpr Bytes all(unsigned char c) {
  return Bytes{} + c;
}

// 0xFF in every byte that is no digit of base64.
Bytes strangers(const char* at) {
  Bytes v;
  std::memcpy(&v, at, sizeof v);
  const Bytes letter = (v | all(0x20)) - all('a');  // '@' and the like don't become letters
  const Bytes digit = v - all('/');                 // "/" and "0" to "9" stand in a row
  return static_cast<Bytes>((letter > all(25)) & (digit > all(10)) & (v != all('+')));
}

// `size` is at least kShortestLine.
bool all_digits(const char* at, size_t size) {
  Bytes strange = strangers(at + size - kVector);
  for (size_t i = 0; i + kVector <= size; i += kVector) strange |= strangers(at + i);
  const Words words = reinterpret_cast<const Words&>(strange);
  return (words[0] | words[1]) == 0;
}

constexpr auto kDigit = [] {
  std::array<uint8_t, 256> table{};
  for (int c = 0; c < 256; ++c)
    table[static_cast<size_t>(c)] = is_alnum(static_cast<char>(c)) || c == '+' || c == '/';
  return table;
}();

}  // namespace

void DecodedSize::feed(std::string_view bytes) {
  encoding_ == TransferEncoding::base64 ? feed_base64(bytes) : feed_quoted(bytes);
}

uint64_t DecodedSize::finish() {
  if (encoding_ == TransferEncoding::base64) {
    end_group();
  } else {
    decoder_.finish(scratch_);
    size_ += scratch_.size();
    scratch_.clear();
  }
  return size_;
}

// Digits up to padding: four are three octets, of the rest two are one and three are two.
void DecodedSize::end_group() {
  size_ += digits_ / 4 * 3 + (digits_ % 4 == 3 ? 2 : digits_ % 4 == 2 ? 1 : 0);
  digits_ = 0;
}

size_t DecodedSize::take_regular_lines(std::string_view bytes, uint64_t& lines) {
  lines = 0;
  if (inside_line_ || line_ < kShortestLine) return 0;
  const char* at = bytes.data();
  const size_t step = line_ + 2;
  size_t left = bytes.size();
  for (; left >= step; left -= step, at += step, ++lines) {
    if (at[line_] != '\r' || at[line_ + 1] != '\n' || !all_digits(at, line_)) break;
  }
  digits_ += lines * line_;
  return bytes.size() - left;
}

void DecodedSize::feed_base64(std::string_view bytes) {
  while (!bytes.empty()) {
    uint64_t lines = 0;
    bytes.remove_prefix(take_regular_lines(bytes, lines));
    uint64_t digits = 0;
    size_t i = 0;
    while (i < bytes.size() && bytes[i] != '\n') {
      digits += kDigit[static_cast<unsigned char>(bytes[i])];
      if (bytes[i] == '=') {
        digits_ += std::exchange(digits, 0);
        end_group();
      }
      ++i;
    }
    digits_ += digits;
    const bool whole = i < bytes.size();
    const bool regular = whole && !inside_line_ && digits == i - 1 && digits <= kLongestLine;
    line_ = regular ? digits : 0;
    if (!bytes.empty()) inside_line_ = !whole;
    bytes.remove_prefix(whole ? i + 1 : i);
  }
}

void DecodedSize::decode(std::string_view bytes) {
  decoder_.feed(bytes, scratch_);
  size_ += scratch_.size();
  scratch_.clear();
}

// At the end of a line the decoder holds nothing, so that lines can be counted one by one.
void DecodedSize::feed_quoted(std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t lf = bytes.find('\n');
    const bool whole = lf != std::string_view::npos;
    const auto line = bytes.substr(0, whole ? lf + 1 : bytes.size());
    if (!whole || inside_line_ || !count_quoted_line(line)) decode(line);
    inside_line_ = !whole;
    bytes.remove_prefix(line.size());
  }
}

// A whole line with nothing but text, codes and a soft break; false, and nothing counted, for others.
bool DecodedSize::count_quoted_line(std::string_view line) {
  const size_t end = line.size() - (line.ends_with("\r\n") ? 2 : 1);
  const auto text = line.substr(0, end);
  if (text.empty()) {
    size_ += line.size();
    return true;
  }
  if (is_wsp(text.back()) || text.find('\r') != std::string_view::npos) return false;
  uint64_t size = line.size();
  for (size_t at = text.find('='); at != std::string_view::npos; at = text.find('=', at)) {
    if (at + 1 == end) {
      size -= 1 + (line.size() - end);
      break;
    }
    if (at + 2 >= end || hex_byte(text[at + 1], text[at + 2]) < 0) return false;
    size -= 2;
    at += 3;
  }
  size_ += size;
  return true;
}

}  // namespace posthouse::message
