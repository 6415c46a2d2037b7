#include "app/config/units.h"

#include <limits>

#include "base/ascii.h"

namespace posthouse::app {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};

constexpr std::array<Unit, 9> kSizes{{{"TiB", 1ull << 40},
                                      {"GiB", 1ull << 30},
                                      {"MiB", 1ull << 20},
                                      {"KiB", 1ull << 10},
                                      {"TB", 1'000'000'000'000ull},
                                      {"GB", 1'000'000'000ull},
                                      {"MB", 1'000'000ull},
                                      {"kB", 1'000ull},
                                      {"B", 1}}};
constexpr std::array<Unit, 5> kTimes{{{"w", 7 * 86400}, {"d", 86400}, {"h", 3600}, {"m", 60}, {"s", 1}}};

std::optional<uint64_t> times(uint64_t number, uint64_t factor) {
  if (factor != 0 && number > std::numeric_limits<uint64_t>::max() / factor) return std::nullopt;
  return number * factor;
}

// Splits leading digits off `text`.
std::optional<uint64_t> take_number(std::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && is_digit(text[digits])) ++digits;
  auto number = parse_uint(text.substr(0, digits));
  text.remove_prefix(digits);
  return number;
}

}  // namespace

std::optional<uint64_t> parse_size(std::string_view text) {
  auto number = take_number(text);
  if (!number) return std::nullopt;
  for (const Unit& unit : kSizes) {
    if (text == unit.name) return times(*number, unit.factor);
  }
  return std::nullopt;
}

std::string format_size(uint64_t bytes) {
  if (bytes == 0) return "0B";
  for (const Unit& unit : kSizes) {
    if (bytes % unit.factor == 0) return fmt::format("{}{}", bytes / unit.factor, unit.name);
  }
  return fmt::format("{}B", bytes);
}

std::optional<seconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t total = 0;
  const Unit* smaller_than = nullptr;  // "1h30m" but not "30m1h" nor "1h1h"
  while (!text.empty()) {
    auto number = take_number(text);
    if (!number || text.empty()) return std::nullopt;
    const auto* unit =
        std::find_if(kTimes.begin(), kTimes.end(), [&](const Unit& u) { return u.name[0] == text[0]; });
    if (unit == kTimes.end() || (smaller_than != nullptr && unit <= smaller_than)) return std::nullopt;
    smaller_than = unit;
    auto part = times(*number, unit->factor);
    if (!part || *part > 1'000'000'000'000ull || total > 1'000'000'000'000ull) return std::nullopt;
    total += *part;
    text.remove_prefix(1);
  }
  return seconds(static_cast<int64_t>(total));
}

std::string format_duration(seconds duration) {
  auto left = static_cast<uint64_t>(duration.count());
  if (left == 0) return "0s";
  std::string out;
  for (const Unit& unit : kTimes) {
    if (left >= unit.factor) {
      fmt::format_to(std::back_inserter(out), "{}{}", left / unit.factor, unit.name);
      left %= unit.factor;
    }
  }
  return out;
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto port = parse_uint(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port || *port > 65535) return std::nullopt;
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto ip = IpAddress::parse(host);
  if (!ip || ip->v6 != bracketed) return std::nullopt;
  return Endpoint{*ip, static_cast<uint16_t>(*port)};
}

}  // namespace posthouse::app
