// The line that stands before every message of an mbox: "From SENDER DATE" (RFC 4155 appendix A).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::mbox {

struct FromLine {
  std::string sender;  // may be empty
  int64_t time = 0;    // seconds since 1970, UTC; a line that names no zone is taken as UTC
};

// `line` without its line end. As tolerant as mutt and Dovecot: the sender quoted, missing or "user at host";
// the zone before or after the year, as number or as one of the obsolete names, or none; seconds left out;
// "remote from HOST". Needs a weekday, a month, a day, a time and a year, so that prose which begins with
// "From " is none.
std::optional<FromLine> parse_from_line(std::string_view line);

// With line end, in UTC. Blanks and control characters in the sender become "_", an empty one MAILER-DAEMON.
std::string format_from_line(std::string_view sender, int64_t time);

}  // namespace posthouse::mbox
