#include "mbox/from_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "base/ascii.h"
#include "mbox/limits.h"

namespace posthouse::mbox {

namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
struct ZoneName {
  std::string_view name;
  int minutes;
};
// RFC 5322 section 4.3 and what old Unix systems wrote.
constexpr std::array<ZoneName, 22> kZones = {
    {{"UT", 0},     {"GMT", 0},    {"UTC", 0},    {"Z", 0},      {"WET", 0},    {"EST", -300},
     {"EDT", -240}, {"CST", -360}, {"CDT", -300}, {"MST", -420}, {"MDT", -360}, {"PST", -480},
     {"PDT", -420}, {"CET", 60},   {"MET", 60},   {"BST", 60},   {"CEST", 120}, {"MEST", 120},
     {"MEZ", 60},   {"EET", 120},  {"JST", 540},  {"NZST", 720}}};

// The words of a line, one after the other.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) { next(); }
  std::string_view word() const { return word_; }
  bool done() const { return word_.empty(); }
  void next() {
    size_t start = 0;
    while (start < rest_.size() && is_wsp(rest_[start])) ++start;
    size_t end = start;
    while (end < rest_.size() && !is_wsp(rest_[end])) ++end;
    word_ = rest_.substr(start, end - start);
    rest_.remove_prefix(end);
  }

 private:
  std::string_view rest_;
  std::string_view word_;
};

template <size_t N>
std::optional<unsigned> find_name(const std::array<std::string_view, N>& names, std::string_view word) {
  for (unsigned i = 0; i < N; ++i) {
    if (iequals(names[i], word)) return i;
  }
  return std::nullopt;
}

std::optional<unsigned> number(std::string_view word, size_t least, size_t most) {
  if (word.size() < least || word.size() > most) return std::nullopt;
  const auto value = parse_uint(word);
  if (!value) return std::nullopt;
  return static_cast<unsigned>(*value);
}

// hh:mm or hh:mm:ss, as seconds of the day.
std::optional<int> time_of_day(std::string_view word) {
  const auto parts = split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  std::array<unsigned, 3> value = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto field = number(parts[i], i == 0 ? 1 : 2, 2);
    if (!field || *field > (i == 0 ? 23U : i == 1 ? 59U : 60U)) return std::nullopt;
    value[i] = *field;
  }
  return static_cast<int>(value[0] * 3600 + value[1] * 60 + value[2]);
}

// Minutes east of Greenwich; an unknown name of up to five capital letters counts as none.
std::optional<int> zone(std::string_view word) {
  if (word.size() == 5 && (word[0] == '+' || word[0] == '-')) {
    const auto value = number(word.substr(1), 4, 4);
    if (!value || *value % 100 > 59 || *value > 2400) return std::nullopt;
    const int minutes = static_cast<int>(*value / 100 * 60 + *value % 100);
    return word[0] == '-' ? -minutes : minutes;
  }
  if (word.empty() || word.size() > 5) return std::nullopt;
  for (const ZoneName& known : kZones) {
    if (iequals(known.name, word)) return known.minutes;
  }
  const bool name = std::all_of(word.begin(), word.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  return name ? std::optional<int>(0) : std::nullopt;
}

std::optional<int> year_of(std::string_view word) {
  if (const auto four = number(word, 4, 4)) return *four >= 1900 ? std::optional<int>(*four) : std::nullopt;
  if (const auto two = number(word, 2, 2)) return static_cast<int>(*two < 70 ? *two + 2000 : *two + 1900);
  return std::nullopt;
}

struct Date {
  unsigned month = 0;
  unsigned day = 0;
  int year = 0;
  int seconds = 0;
  int zone = 0;
};

// "Nov 28" or "28 Nov"; for the latter a year may follow.
bool month_and_day(Words& words, Date& date) {
  const auto month_first = find_name(kMonths, words.word());
  if (month_first) words.next();
  const auto day = number(words.word(), 1, 2);
  if (!day || *day < 1 || *day > 31) return false;
  words.next();
  date.day = *day;
  if (month_first) {
    date.month = *month_first;
    return true;
  }
  const auto month = find_name(kMonths, words.word());
  if (!month) return false;
  words.next();
  date.month = *month;
  if (const auto year = year_of(words.word())) {
    date.year = *year;
    words.next();
  }
  return true;
}

// What comes behind the time: zones and the year in any order, then perhaps "remote from HOST".
bool zone_and_year(Words& words, Date& date) {
  for (int i = 0; i < 4 && !words.done(); ++i) {
    if (iequals(words.word(), "remote")) break;
    if (const auto year = date.year == 0 ? year_of(words.word()) : std::nullopt) {
      date.year = *year;
    } else if (const auto minutes = zone(words.word())) {
      date.zone = *minutes;
    } else {
      return false;
    }
    words.next();
  }
  if (date.year == 0) return false;
  if (words.done()) return true;
  if (!iequals(words.word(), "remote")) return false;
  words.next();
  return iequals(words.word(), "from");
}

std::optional<int64_t> parse_date(Words words) {
  std::string_view day_name = words.word();
  if (day_name.ends_with(',')) day_name.remove_suffix(1);
  if (!find_name(kDays, day_name)) return std::nullopt;
  words.next();
  Date date;
  if (!month_and_day(words, date)) return std::nullopt;
  const auto seconds = time_of_day(words.word());
  if (!seconds) return std::nullopt;
  date.seconds = *seconds;
  words.next();
  if (!zone_and_year(words, date)) return std::nullopt;
  using namespace std::chrono;
  const sys_days day =
      sys_days(year_month_day(year(date.year), month(date.month + 1), std::chrono::day(date.day)));
  return static_cast<int64_t>(day.time_since_epoch().count()) * 86400 + date.seconds - date.zone * 60;
}

// The end of the sender in `text`: behind its quoted parts, at the first blank.
size_t sender_end(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      quoted = !quoted;
    } else if (quoted && text[i] == '\\') {
      ++i;
    } else if (!quoted && is_wsp(text[i])) {
      return i;
    }
  }
  return text.size();
}

}  // namespace

std::optional<FromLine> parse_from_line(std::string_view line) {
  if (!line.starts_with("From ") || line.size() > kMaxFromLine) return std::nullopt;
  if (line.ends_with('\r')) line.remove_suffix(1);
  line.remove_prefix(5);
  if (const auto time = parse_date(Words(line))) return FromLine{"", *time};
  while (!line.empty() && is_wsp(line.front())) line.remove_prefix(1);
  const size_t end = sender_end(line);
  std::string sender(line.substr(0, end));
  const std::string_view rest = line.substr(end);
  if (const auto time = parse_date(Words(rest))) return FromLine{std::move(sender), *time};
  Words words(rest);
  if (!iequals(words.word(), "at")) return std::nullopt;  // "user at host", as archives hide addresses
  words.next();
  sender += '@';
  sender += words.word();
  words.next();
  if (const auto time = parse_date(words)) return FromLine{std::move(sender), *time};
  return std::nullopt;
}

std::string format_from_line(std::string_view sender, int64_t time) {
  using namespace std::chrono;
  constexpr int64_t kLastYear = 253402300799;  // 9999-12-31: four digits
  const sys_seconds when{seconds(std::clamp<int64_t>(time, 0, kLastYear))};
  const sys_days day = floor<days>(when);
  const year_month_day date(day);
  const hh_mm_ss clock(when - day);
  std::string name(sender.substr(0, kMaxSender));
  for (char& c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 127 || c == '"' || c == '\\') c = '_';
  }
  if (name.empty()) name = "MAILER-DAEMON";
  return fmt::format("From {} {} {} {:2} {:02}:{:02}:{:02} {:04}\n", name, kDays[weekday(day).c_encoding()],
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     static_cast<int>(date.year()));
}

}  // namespace posthouse::mbox
