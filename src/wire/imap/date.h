// Dates of the IMAP grammar (RFC 3501 section 9: date, date-time).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::wire::imap {

// "1-Feb-1994" as days since 1970-01-01. False unless it is a real date.
bool parse_date(std::string_view text, int32_t& days);

// "17-Jul-1996 02:44:25 -0700" (day of one digit: with a space in front) as seconds since 1970, UTC.
bool parse_date_time(std::string_view text, int64_t& seconds);

// With quotes, in UTC: "17-Jul-1996 09:44:25 +0000".
void append_date_time(std::string& out, int64_t seconds);

}  // namespace posthouse::wire::imap
