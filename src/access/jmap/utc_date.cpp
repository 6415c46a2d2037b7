#include "access/jmap/utc_date.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

namespace posthouse::access::jmap {
namespace {

using namespace std::chrono;

// So many digits, and nothing else.
std::optional<int> number(std::string_view text) {
  int value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// ".5" and so on to milliseconds, which is all that is kept.
std::optional<milliseconds> fraction(std::string_view text) {
  if (text.empty()) return milliseconds(0);
  if (text[0] != '.' || text.size() < 2 || text.size() > 30) return std::nullopt;
  std::string digits(text.substr(1));
  if (!number(digits.substr(0, 9)) || digits.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  digits.resize(3, '0');
  return milliseconds(*number(digits));
}

}  // namespace

std::string format_utc_date(SystemTime time) {
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss<milliseconds> clock(time - day);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) {
    out += fmt::format(".{:03}", clock.subseconds().count());
    while (out.ends_with('0')) out.pop_back();  // section 1.4: the shortest form
  }
  return out + "Z";
}

std::optional<SystemTime> parse_utc_date(std::string_view text) {
  if (text.size() < 20 || !text.ends_with('Z')) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':')
    return std::nullopt;
  const auto y = number(text.substr(0, 4)), mo = number(text.substr(5, 2)), d = number(text.substr(8, 2)),
             h = number(text.substr(11, 2)), mi = number(text.substr(14, 2)), s = number(text.substr(17, 2));
  const auto part = fraction(text.substr(19, text.size() - 20));
  if (!y || !mo || !d || !h || !mi || !s || !part) return std::nullopt;
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)), day(static_cast<unsigned>(*d))};
  if (!date.ok() || *y < 1970 || *h > 23 || *mi > 59 || *s > 60) return std::nullopt;
  return sys_days(date) + hours(*h) + minutes(*mi) + seconds(std::min(*s, 59)) + *part;
}

}  // namespace posthouse::access::jmap
