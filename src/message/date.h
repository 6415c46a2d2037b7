// Dates as headers and IMAP write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace posthouse::message {

// A moment and the zone it was written in.
struct ZonedTime {
  SystemTime time{};
  int offset_minutes = 0;  // east of UTC
  bool operator==(const ZonedTime&) const = default;
};

// The Date field: RFC 5322 section 3.3 with the obsolete forms of section 4.3 (two-digit years, named zones,
// comments, blanks anywhere), and damage often seen: no or a wrong day of the week, no seconds, no zone (then
// UTC), a full month name, "GMT+2", ISO 8601, the asctime form. A day without a time that can be read begins
// at midnight UTC (RFC 5256 section 2.2). Nothing if no date can be read; years 1900 to 9999.
std::optional<ZonedTime> parse_date(std::string_view value);

// "Mon, 23 Nov 2026 21:14:13 +0000" (RFC 5322 section 3.3). Years are brought into 0 to 9999.
std::string format_date(SystemTime time, int offset_minutes = 0);

// IMAP date-time without its quotes (RFC 9051 section 9): "23-Nov-2026 21:14:13 +0000", day padded with a
// space.
std::string format_internal_date(SystemTime time, int offset_minutes = 0);
// Strict, as APPEND wants it; the quotes already taken off.
std::optional<ZonedTime> parse_internal_date(std::string_view text);

// IMAP date of a SEARCH key, "1-Feb-1994": days since 1970.
std::optional<int32_t> parse_search_date(std::string_view text);
// The day a moment falls on in its own zone, as days since 1970: what SENTON and ON compare (RFC 9051
// section 6.4.4).
int32_t day_of(const ZonedTime& when);

}  // namespace posthouse::message
