#include "message/date.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/ascii.h"

namespace posthouse::message {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr size_t kMaxDateTokens = 24;
constexpr int kMaxOffset = 24 * 60;

struct Civil {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

std::optional<ZonedTime> to_time(const Civil& c, int offset) {
  using namespace std::chrono;
  const year_month_day ymd{year{c.year}, month{static_cast<unsigned>(c.month)},
                           day{static_cast<unsigned>(c.day)}};
  // A leap second is allowed (RFC 5322 section 3.3) and counts as the next minute's start.
  if (!ymd.ok() || c.year < 1900 || c.year > 9999 || c.hour > 23 || c.minute > 59 || c.second > 60)
    return std::nullopt;
  if (offset <= -kMaxOffset || offset >= kMaxOffset) return std::nullopt;
  const auto local = sys_days(ymd) + hours(c.hour) + minutes(c.minute) + seconds(c.second);
  return ZonedTime{SystemTime(local - minutes(offset)), offset};
}

// Midnight UTC of a day whose time is missing or none at all: what RFC 5256 section 2.2 sorts by.
std::optional<ZonedTime> to_day(Civil c) {
  c.hour = c.minute = c.second = 0;
  return to_time(c, 0);
}

// The first three letters of a name, as one number. Full names count by them.
constexpr uint32_t short_name(std::string_view word) {
  uint32_t letters = 0;
  for (size_t i = 0; i < 3; ++i) letters = letters << 8 | static_cast<unsigned char>(ascii_lower(word[i]));
  return letters;
}

constexpr auto kShortMonths = [] {
  std::array<uint32_t, kMonths.size()> names{};
  for (size_t i = 0; i < names.size(); ++i) names[i] = short_name(kMonths[i]);
  return names;
}();

// 1..12, or 0.
int month_number(std::string_view word) {
  if (word.size() < 3) return 0;
  const auto* found = std::find(kShortMonths.begin(), kShortMonths.end(), short_name(word));
  return found == kShortMonths.end() ? 0 : static_cast<int>(found - kShortMonths.begin()) + 1;
}

// RFC 5322 section 4.3: the North American zones; military letters and anything unknown count as -0000.
std::optional<int> named_zone(std::string_view word) {
  struct Zone {
    std::string_view name;
    int hours;
  };
  static constexpr std::array<Zone, 16> kZones = {{{"UT", 0},
                                                   {"GMT", 0},
                                                   {"UTC", 0},
                                                   {"Z", 0},
                                                   {"EST", -5},
                                                   {"EDT", -4},
                                                   {"CST", -6},
                                                   {"CDT", -5},
                                                   {"MST", -7},
                                                   {"MDT", -6},
                                                   {"PST", -8},
                                                   {"PDT", -7},
                                                   {"CET", 1},
                                                   {"CEST", 2},
                                                   {"MEZ", 1},
                                                   {"JST", 9}}};
  for (const auto& zone : kZones) {
    if (iequals(word, zone.name)) return zone.hours * 60;
  }
  return std::nullopt;
}

// "+hhmm", "+hh:mm", "+hh" with its sign already split off.
std::optional<int> numeric_zone(char sign, std::string_view digits) {
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  const auto number = parse_uint(digits);
  if (!number) return std::nullopt;
  const int n = static_cast<int>(*number);
  const int total = digits.size() <= 2 ? n * 60 : n / 100 * 60 + n % 100;
  if (total >= kMaxOffset) return std::nullopt;
  return sign == '-' ? -total : total;
}

struct Tokens {
  std::array<std::string_view, kMaxDateTokens> list;
  size_t size = 0;
};

// Words, numbers, and the marks : + - / . one by one. Comments and blanks gone.
Tokens tokens(std::string_view text) {
  Tokens out;
  size_t at = 0;
  int depth = 0;
  while (at < text.size() && out.size < kMaxDateTokens) {
    const char c = text[at];
    if (c == '(') {
      ++depth;
    } else if (c == ')') {
      if (depth > 0) --depth;
    } else if (depth == 0) {
      size_t end = at + 1;
      if (is_digit(c)) {
        while (end < text.size() && is_digit(text[end])) ++end;
      } else if (is_alpha(c)) {
        while (end < text.size() && is_alpha(text[end])) ++end;
      } else if (c != ':' && c != '+' && c != '-' && c != '/' && c != '.') {
        ++at;
        continue;
      }
      out.list[out.size++] = text.substr(at, end - at);
      at = end;
      continue;
    }
    ++at;
  }
  return out;
}

// Walks the tokens of a date, which must outlive it.
class Walker {
 public:
  explicit Walker(const Tokens& tokens) : tokens_(&tokens) {}
  std::string_view peek(size_t ahead = 0) const {
    return at_ + ahead < tokens_->size ? tokens_->list[at_ + ahead] : std::string_view();
  }
  void skip() { ++at_; }
  bool take(char mark) {
    const auto token = peek();
    if (token.size() != 1 || token[0] != mark) return false;
    ++at_;
    return true;
  }
  void skip_marks() {
    while (!peek().empty() && !is_alnum(peek()[0])) ++at_;
  }
  std::optional<int> number(size_t max_digits) {
    const auto token = peek();
    if (token.empty() || !is_digit(token[0]) || token.size() > max_digits) return std::nullopt;
    ++at_;
    return static_cast<int>(*parse_uint(token));
  }

 private:
  const Tokens* tokens_;
  size_t at_ = 0;
};

// RFC 5322 section 4.3: 00-49 are 2000s, 50-99 and three digits count from 1900.
int full_year(int year, size_t digits) {
  if (digits == 2) return year < 50 ? 2000 + year : 1900 + year;
  if (digits == 3) return 1900 + year;
  return year;
}

bool read_year(Walker& walk, Civil& c) {
  const size_t digits = walk.peek().size();
  const auto year = walk.number(4);
  if (!year || digits < 2) return false;
  c.year = full_year(*year, digits);
  return true;
}

bool read_time(Walker& walk, Civil& c) {
  const auto hour = walk.number(2);
  if (!hour || !(walk.take(':') || walk.take('.'))) return false;
  const auto minute = walk.number(2);
  if (!minute) return false;
  c.hour = *hour;
  c.minute = *minute;
  if (walk.take(':') || walk.take('.')) {
    const auto second = walk.number(2);
    if (!second) return false;
    c.second = *second;
    if (walk.take('.')) walk.number(9);  // a fraction, as ISO 8601 has it
  }
  if (iequals(walk.peek(), "PM") && c.hour < 12) c.hour += 12;
  if (iequals(walk.peek(), "AM") && c.hour == 12) c.hour = 0;
  if (iequals(walk.peek(), "AM") || iequals(walk.peek(), "PM")) walk.skip();
  return true;
}

std::optional<int> read_signed_zone(Walker& walk) {
  const auto sign = walk.peek();
  if (sign != "+" && sign != "-") return std::nullopt;
  std::string digits(walk.peek(1));
  if (digits.empty() || !is_digit(digits[0])) return std::nullopt;
  if (walk.peek(2) == ":" && walk.peek(3).size() == 2 && is_digit(walk.peek(3)[0])) digits += walk.peek(3);
  walk.skip();
  return numeric_zone(sign[0], digits);
}

int read_zone(Walker& walk) {
  int base = 0;
  if (!walk.peek().empty() && is_alpha(walk.peek()[0])) {
    base = named_zone(walk.peek()).value_or(0);
    walk.skip();
  }
  return read_signed_zone(walk).value_or(base);
}

// "2026-11-23T21:14:13Z"
std::optional<ZonedTime> parse_iso(Walker walk) {
  Civil c;
  if (walk.peek().size() != 4 || !is_digit(walk.peek()[0])) return std::nullopt;
  c.year = *walk.number(4);
  if (!(walk.take('-') || walk.take('/'))) return std::nullopt;
  const auto month = walk.number(2);
  if (!month || !(walk.take('-') || walk.take('/'))) return std::nullopt;
  const auto day = walk.number(2);
  if (!day) return std::nullopt;
  c.month = *month;
  c.day = *day;
  if (iequals(walk.peek(), "T")) walk.skip();
  if (!read_time(walk, c)) return std::nullopt;
  return to_time(c, read_zone(walk));
}

// "Nov 23 21:14:13 2026" behind the day of the week.
std::optional<ZonedTime> parse_asctime(Walker walk) {
  Civil c;
  c.month = month_number(walk.peek());
  if (c.month == 0) return std::nullopt;
  walk.skip();
  const auto day = walk.number(2);
  if (!day) return std::nullopt;
  c.day = *day;
  if (walk.peek(1) != ":") {  // "November 23, 2026 21:14"
    if (!read_year(walk, c) || !read_time(walk, c)) return std::nullopt;
    return to_time(c, read_zone(walk));
  }
  if (!read_time(walk, c)) return std::nullopt;
  // The zone stands before the year, behind it, or nowhere.
  int offset = 0;
  if (!walk.peek().empty() && !is_digit(walk.peek()[0])) offset = read_zone(walk);
  if (!read_year(walk, c)) return std::nullopt;
  if (!walk.peek().empty()) offset = read_zone(walk);
  return to_time(c, offset);
}

void append_zone(std::string& out, int offset) {
  const int minutes = offset < 0 ? -offset : offset;
  fmt::format_to(std::back_inserter(out), "{}{:02}{:02}", offset < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

struct Broken {
  std::chrono::year_month_day date;
  unsigned weekday;
  std::chrono::hh_mm_ss<std::chrono::seconds> time;
  int offset;
};

Broken broken_down(SystemTime time, int offset) {
  using namespace std::chrono;
  static constexpr sys_seconds kFirst = sys_days(year{0} / January / 1) + hours(24);
  static constexpr sys_seconds kLast = sys_days(year{9999} / December / 30);
  if (offset <= -kMaxOffset || offset >= kMaxOffset) offset = 0;
  const auto utc = std::clamp(floor<seconds>(time), kFirst, kLast);
  const auto local = utc + minutes(offset);
  const auto day = floor<days>(local);
  return {year_month_day(day), weekday(day).c_encoding(), hh_mm_ss<seconds>(local - day), offset};
}

}  // namespace

std::optional<ZonedTime> parse_date(std::string_view value) {
  const Tokens all = tokens(value);
  Walker walk(all);
  walk.skip_marks();
  if (auto iso = parse_iso(walk)) return iso;
  // The day of the week, in whatever language, and what damage left of it.
  while (!walk.peek().empty() && !is_digit(walk.peek()[0]) && month_number(walk.peek()) == 0) walk.skip();
  if (auto asctime = parse_asctime(walk)) return asctime;
  Civil c;
  const auto day = walk.number(2);
  if (!day) return std::nullopt;
  c.day = *day;
  walk.take('-');
  walk.take('.');
  c.month = month_number(walk.peek());
  if (c.month == 0) return std::nullopt;
  walk.skip();
  walk.take('.');
  walk.take('-');
  if (!read_year(walk, c)) return std::nullopt;
  if (!read_time(walk, c)) return to_day(c);
  const auto time = to_time(c, read_zone(walk));
  return time ? time : to_day(c);
}

std::string format_date(SystemTime time, int offset_minutes) {
  const Broken b = broken_down(time, offset_minutes);
  std::string out = fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} ", kDays[b.weekday], static_cast<unsigned>(b.date.day()),
      kMonths[static_cast<unsigned>(b.date.month()) - 1], static_cast<int>(b.date.year()),
      b.time.hours().count(), b.time.minutes().count(), b.time.seconds().count());
  append_zone(out, b.offset);
  return out;
}

std::string format_internal_date(SystemTime time, int offset_minutes) {
  const Broken b = broken_down(time, offset_minutes);
  std::string out =
      fmt::format("{:2}-{}-{:04} {:02}:{:02}:{:02} ", static_cast<unsigned>(b.date.day()),
                  kMonths[static_cast<unsigned>(b.date.month()) - 1], static_cast<int>(b.date.year()),
                  b.time.hours().count(), b.time.minutes().count(), b.time.seconds().count());
  append_zone(out, b.offset);
  return out;
}

std::optional<ZonedTime> parse_internal_date(std::string_view text) {
  // date-day-fixed "-" month "-" 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP zone
  constexpr size_t kLength = 26;
  if (text.size() == kLength - 1 && is_digit(text[0]) &&
      text[1] == '-') {  // a day of one digit, seen in clients
    return parse_internal_date(" " + std::string(text));
  }
  if (text.size() != kLength || text[2] != '-' || text[6] != '-' || text[11] != ' ' || text[14] != ':' ||
      text[17] != ':' || text[20] != ' ' || (text[21] != '+' && text[21] != '-')) {
    return std::nullopt;
  }
  const auto day = parse_uint(text[0] == ' ' ? text.substr(1, 1) : text.substr(0, 2));
  const auto year = parse_uint(text.substr(7, 4)), hour = parse_uint(text.substr(12, 2)),
             minute = parse_uint(text.substr(15, 2)), second = parse_uint(text.substr(18, 2));
  const auto offset = numeric_zone(text[21], text.substr(22));
  if (!day || !year || !hour || !minute || !second || !offset || text[24] > '5') return std::nullopt;
  const int month = month_number(text.substr(3, 3));
  if (month == 0) return std::nullopt;
  return to_time({static_cast<int>(*year), month, static_cast<int>(*day), static_cast<int>(*hour),
                  static_cast<int>(*minute), static_cast<int>(*second)},
                 *offset);
}

std::optional<int32_t> parse_search_date(std::string_view text) {
  const auto parts = split(text, '-');
  if (parts.size() != 3 || parts[0].empty() || parts[0].size() > 2 || parts[1].size() != 3 ||
      parts[2].size() != 4) {
    return std::nullopt;
  }
  const auto day = parse_uint(parts[0]), year = parse_uint(parts[2]);
  const int month = month_number(parts[1]);
  if (!day || !year || month == 0) return std::nullopt;
  const std::chrono::year_month_day ymd{std::chrono::year{static_cast<int>(*year)},
                                        std::chrono::month{static_cast<unsigned>(month)},
                                        std::chrono::day{static_cast<unsigned>(*day)}};
  if (!ymd.ok()) return std::nullopt;
  return static_cast<int32_t>(std::chrono::sys_days(ymd).time_since_epoch().count());
}

int32_t day_of(const ZonedTime& when) {
  const auto local = when.time + std::chrono::minutes(when.offset_minutes);
  return static_cast<int32_t>(std::chrono::floor<std::chrono::days>(local).time_since_epoch().count());
}

}  // namespace posthouse::message
