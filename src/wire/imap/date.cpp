#include "wire/imap/date.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include "base/ascii.h"

namespace posthouse::wire::imap {

namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::optional<unsigned> digits(std::string_view text) {
  unsigned value = 0;
  for (char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

// `day` of 1 or 2 digits, "-Mon-YYYY".
bool civil(std::string_view day, std::string_view rest, int32_t& days) {
  if (day.empty() || day.size() > 2 || rest.size() != 9 || rest[0] != '-' || rest[4] != '-') return false;
  unsigned month = 0;
  while (month < 12 && !iequals(kMonths[month], rest.substr(1, 3))) month++;
  auto d = digits(day);
  auto y = digits(rest.substr(5));
  if (month == 12 || !d || !y) return false;
  std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*y)), std::chrono::month(month + 1),
                                   std::chrono::day(*d)};
  if (!date.ok()) return false;
  days = static_cast<int32_t>(std::chrono::sys_days(date).time_since_epoch().count());
  return true;
}

void put_two(char* at, unsigned value) {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

bool parse_date(std::string_view text, int32_t& days) {
  size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  return civil(text.substr(0, dash), text.substr(dash), days);
}

bool parse_date_time(std::string_view text, int64_t& seconds) {
  // date-day-fixed "-" date-month "-" date-year SP time SP zone. A day of one digit without the space in
  // front is what some clients send.
  std::string padded;
  if (text.size() == 25 && text[1] == '-') {
    padded.append(" ").append(text);
    text = padded;
  }
  if (text.size() != 26 || text[11] != ' ' || text[14] != ':' || text[17] != ':' || text[20] != ' ')
    return false;
  std::string_view day = text.substr(0, 2);
  if (day[0] == ' ') day.remove_prefix(1);
  int32_t days = 0;
  if (!civil(day, text.substr(2, 9), days)) return false;
  auto hour = digits(text.substr(12, 2));
  auto minute = digits(text.substr(15, 2));
  auto second = digits(text.substr(18, 2));
  auto zone_hour = digits(text.substr(22, 2));
  auto zone_minute = digits(text.substr(24, 2));
  const char sign = text[21];
  if (!hour || !minute || !second || !zone_hour || !zone_minute || (sign != '+' && sign != '-')) return false;
  if (*hour > 23 || *minute > 59 || *second > 60 || *zone_minute > 59) return false;
  const int64_t offset = (*zone_hour * 60 + *zone_minute) * 60;
  seconds = static_cast<int64_t>(days) * 86'400 + *hour * 3'600 + *minute * 60 + *second;
  seconds += sign == '+' ? -offset : offset;
  return true;
}

void append_date_time(std::string& out, int64_t seconds) {
  // The grammar has four digits of year and no sign.
  constexpr int64_t kFirst = -62'167'219'200;  // 0000-01-01
  constexpr int64_t kLast = 253'402'300'799;   // 9999-12-31
  seconds = std::min(std::max(seconds, kFirst), kLast);
  const auto at = std::chrono::sys_seconds(std::chrono::seconds(seconds));
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const auto time = (at - day).count();
  const auto day_of_month = static_cast<unsigned>(date.day());
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  const auto seconds_of_day = static_cast<unsigned>(time);
  // By hand: of a hundred thousand messages each has one.
  std::string text = "\"00-Mon-0000 00:00:00 +0000\"";
  put_two(&text[1], day_of_month);
  if (day_of_month < 10) text[1] = ' ';
  std::ranges::copy(kMonths[static_cast<unsigned>(date.month()) - 1], &text[4]);
  put_two(&text[8], year / 100);
  put_two(&text[10], year % 100);
  put_two(&text[13], seconds_of_day / 3'600);
  put_two(&text[16], seconds_of_day / 60 % 60);
  put_two(&text[19], seconds_of_day % 60);
  out += text;
}

}  // namespace posthouse::wire::imap
