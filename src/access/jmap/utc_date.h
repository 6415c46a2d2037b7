// UTCDate (RFC 8620 section 1.4): "2014-10-30T06:12:00Z".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace posthouse::access::jmap {

// Fractions of a second only where they are not zero.
std::string format_utc_date(SystemTime time);
// Nothing for what is none, or before 1970 or after 9999.
std::optional<SystemTime> parse_utc_date(std::string_view text);

}  // namespace posthouse::access::jmap
