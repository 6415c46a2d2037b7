#include "access/jmap/states.h"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace posthouse::access::jmap {

std::string format_state(const catalog::Position& position) {
  std::string out = fmt::format("{:x}-{:x}", position.epoch, position.modseq);
  if (position.goal != 0) out += fmt::format("-{:x}-{:x}-{:x}", position.goal, position.at, position.upto);
  return out;
}

std::optional<catalog::Position> parse_state(std::string_view text) {
  std::array<uint64_t, 5> numbers{};
  size_t count = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (count < numbers.size()) {
    const auto [behind, error] = std::from_chars(at, end, numbers[count], 16);
    if (error != std::errc()) return std::nullopt;
    ++count;
    at = behind;
    if (at == end) break;
    if (*at++ != '-') return std::nullopt;
  }
  if (at != end || (count != 2 && count != 5)) return std::nullopt;
  catalog::Position position{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]};
  // One text for each position: "0a" is none.
  if (format_state(position) != text) return std::nullopt;
  return position;
}

}  // namespace posthouse::access::jmap
