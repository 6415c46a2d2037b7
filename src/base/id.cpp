#include "base/id.h"

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "base/random.h"

namespace posthouse {

namespace {
constexpr unsigned kCountBits = 22;
constexpr size_t kTextLength = 13;  // 64 bits, 5 a character
constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";

constexpr std::array<signed char, 256> make_values() {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kAlphabet.size(); ++i) {
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<signed char>(i);
  }
  return values;
}
constexpr auto kValues = make_values();
}  // namespace

IdSource::IdSource(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

uint64_t IdSource::next() {
  const auto since_epoch = static_cast<uint64_t>(clock_.now().time_since_epoch().count());
  const uint64_t millisecond = since_epoch << kCountBits;
  uint64_t fresh = 0;
  uint64_t last = last_.load(std::memory_order_relaxed);
  for (;;) {
    uint64_t id = last + 1;
    if (millisecond > last) {
      // The lower half of the count, so that as much again remains to count up within the millisecond.
      if (fresh == 0) fresh = millisecond + random_.below(uint64_t{1} << (kCountBits - 1));
      id = std::max(fresh, last + 1);
    }
    if (last_.compare_exchange_weak(last, id, std::memory_order_relaxed)) return id;
  }
}

std::string format_id(uint64_t id) {
  std::string text(kTextLength, '0');
  for (size_t i = kTextLength; i-- > 0; id >>= 5) text[i] = kAlphabet[id & 31];
  return text;
}

std::optional<uint64_t> parse_id(std::string_view text) {
  if (text.size() != kTextLength) return std::nullopt;
  if (kValues[static_cast<unsigned char>(text[0])] > 15) return std::nullopt;  // more than 64 bits
  uint64_t id = 0;
  for (const char c : text) {
    const signed char value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    id = id << 5 | static_cast<uint64_t>(value);
  }
  return id;
}

}  // namespace posthouse
