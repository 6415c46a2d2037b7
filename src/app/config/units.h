// Sizes, durations and addresses as they are written in the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip.h"

namespace posthouse::app {

// "50MiB", "64KiB", "2GiB", "100B", "10MB" (powers of 1,000 without the i). Nothing on anything else or
// overflow.
std::optional<uint64_t> parse_size(std::string_view text);
std::string format_size(uint64_t bytes);  // the largest unit that divides it

// "30s", "5m", "4h", "5d", "2w", and sums such as "1h30m". Nothing on anything else or overflow.
std::optional<seconds> parse_duration(std::string_view text);
std::string format_duration(seconds duration);

// "192.0.2.1:25" or "[2001:db8::1]:25". Port 0 is allowed: the system picks one.
std::optional<Endpoint> parse_endpoint(std::string_view text);

}  // namespace posthouse::app
