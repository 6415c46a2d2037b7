#include "search/postings.h"

#include <algorithm>
#include <bit>

namespace posthouse::search {

namespace {

constexpr char kGaps = 0;
constexpr char kBits = 1;

// Calls `visit` with every letter; false when the postings are damaged.
template <class Visit>
bool each(std::string_view encoded, uint32_t letters, Visit visit) {
  if (encoded.empty()) return false;
  const char kind = encoded.front();
  encoded.remove_prefix(1);
  if (kind == kBits) {
    if (encoded.size() != (uint64_t{letters} + 7) / 8) return false;
    for (size_t at = 0; at < encoded.size(); at++) {
      for (auto bits = static_cast<uint8_t>(encoded[at]); bits != 0; bits &= static_cast<uint8_t>(bits - 1)) {
        const uint64_t letter = at * 8 + static_cast<uint64_t>(std::countr_zero(bits));
        if (letter >= letters) return false;
        visit(static_cast<uint32_t>(letter));
      }
    }
    return true;
  }
  if (kind != kGaps) return false;
  bool ok = true;
  uint64_t next = 0;
  while (!encoded.empty()) {
    const uint64_t gap = read_varint(encoded, ok);
    if (!ok || gap >= letters || next + gap >= letters) return false;
    visit(static_cast<uint32_t>(next + gap));
    next += gap + 1;
  }
  return true;
}

}  // namespace

void LetterSet::add_all() {
  for (uint32_t i = 0; i < letters_; i++) add(i);
}

void LetterSet::add(const LetterSet& other) {
  for (size_t i = 0; i < words_.size(); i++) words_[i] |= other.words_[i];
}

void LetterSet::keep(const LetterSet& other) {
  for (size_t i = 0; i < words_.size(); i++) words_[i] &= other.words_[i];
}

bool LetterSet::empty() const {
  return std::all_of(words_.begin(), words_.end(), [](uint64_t word) { return word == 0; });
}

uint32_t LetterSet::count() const {
  uint32_t n = 0;
  for (const uint64_t word : words_) n += static_cast<uint32_t>(std::popcount(word));
  return n;
}

std::string encode_postings(const std::vector<uint32_t>& rising, uint32_t letters) {
  std::string gaps(1, kGaps);
  const size_t bits_size = (uint64_t{letters} + 7) / 8;
  uint32_t next = 0;
  for (const uint32_t letter : rising) {
    append_varint(gaps, letter - next);
    next = letter + 1;
    if (gaps.size() > bits_size + 1) break;
  }
  if (gaps.size() <= bits_size + 1) return gaps;
  std::string bits(1 + bits_size, '\0');
  bits[0] = kBits;
  for (const uint32_t letter : rising) {
    char& octet = bits[1 + letter / 8];
    octet = static_cast<char>(static_cast<uint8_t>(octet) | 1u << (letter % 8));
  }
  return bits;
}

bool add_postings(std::string_view encoded, LetterSet& out) {
  return each(encoded, out.letters(), [&out](uint32_t letter) { out.add(letter); });
}

bool read_postings(std::string_view encoded, uint32_t letters, std::vector<uint32_t>& out) {
  return each(encoded, letters, [&out](uint32_t letter) { out.push_back(letter); });
}

void append_varint(std::string& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<char>((v & 0x7F) | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<char>(v));
}

uint64_t read_varint(std::string_view& rest, bool& ok) {
  uint64_t v = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (rest.empty()) break;
    const auto octet = static_cast<uint8_t>(rest.front());
    rest.remove_prefix(1);
    v |= uint64_t{octet & 0x7Fu} << shift;
    if ((octet & 0x80) == 0) return v;
  }
  ok = false;
  return 0;
}

}  // namespace posthouse::search
