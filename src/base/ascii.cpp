#include "base/ascii.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace posthouse {

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_lower);
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ascii_upper);
  return out;
}

namespace {

// Eight characters at a time. What differs may do so in the bit of the case alone, and only in letters.
bool same_but_case(uint64_t a, uint64_t b) {
  constexpr uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes, kCase = 0x20 * kOnes;
  const uint64_t difference = a ^ b;
  if ((difference & ~kCase) != 0) return false;
  const uint64_t lower = (a | kCase) & ~kHigh;
  const uint64_t from_a = lower + (0x80 - 'a') * kOnes, behind_z = lower + (0x7F - 'z') * kOnes;
  const uint64_t letters = from_a & ~behind_z & ~a & kHigh;
  return (difference << 2 & ~letters) == 0;
}

template <class Word = uint64_t>
Word word_at(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// All characters of a text of fewer than eight, some of them twice.
uint64_t short_word(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(text[i])); };
  if (text.size() < 4) return at(0) | at(text.size() / 2) << 8 | at(text.size() - 1) << 16;
  return static_cast<uint64_t>(word_at<uint32_t>(text.data())) << 32 |
         word_at<uint32_t>(text.data() + text.size() - 4);
}

}  // namespace

bool iequals_of_one_size(std::string_view a, std::string_view b) {
  constexpr size_t kWord = sizeof(uint64_t);
  if (a.size() < kWord) return same_but_case(short_word(a), short_word(b));
  for (size_t i = 0; i + kWord < a.size(); i += kWord) {
    if (!same_but_case(word_at(a.data() + i), word_at(b.data() + i))) return false;
  }
  const size_t last = a.size() - kWord;
  return same_but_case(word_at(a.data() + last), word_at(b.data() + last));
}

bool istarts_with(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && iequals(text.substr(0, prefix.size()), prefix);
}

bool has_8bit(std::string_view text) {
  uint64_t any = 0;
  for (; text.size() >= sizeof any; text.remove_prefix(sizeof any)) any |= word_at(text.data());
  for (char c : text) any |= static_cast<unsigned char>(c);
  return (any & 0x8080808080808080) != 0;
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  size_t begin = 0, end = text.size();
  while (begin < end && is_blank(text[begin])) ++begin;
  while (end > begin && is_blank(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> fields;
  for (;;) {
    const size_t at = text.find(separator);
    fields.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return fields;
    text.remove_prefix(at + 1);
  }
}

std::optional<uint64_t> parse_uint(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool ILess::operator()(std::string_view a, std::string_view b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return static_cast<unsigned char>(ascii_lower(x)) < static_cast<unsigned char>(ascii_lower(y));
  });
}

}  // namespace posthouse
