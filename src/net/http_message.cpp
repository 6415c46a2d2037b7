#include "net/http_message.h"

#include <boost/beast/http/status.hpp>

#include "base/ascii.h"

namespace posthouse::net {
namespace {

constexpr std::string_view kSpace = " \t";

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// What stands before the next `mark`, which goes too.
std::string_view take_to(std::string_view& text, char mark) {
  const size_t at = text.find(mark);
  const std::string_view taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return trimmed(taken);
}

// q=0, q=0.0, q=0.000
bool is_weight_of_nothing(std::string_view parameter) {
  if (!istarts_with(parameter, "q=")) return false;
  return parameter.substr(2).find_first_not_of("0.") == std::string_view::npos;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ascii_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::optional<std::string_view> HttpFields::get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (iequals(field.first, name)) return field.second;
  }
  return std::nullopt;
}

size_t HttpFields::count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(fields_.begin(), fields_.end(), [&](const Field& f) { return iequals(f.first, name); }));
}

bool HttpFields::lists(std::string_view name, std::string_view token) const {
  for (const Field& field : fields_) {
    if (!iequals(field.first, name)) continue;
    std::string_view rest = field.second;
    while (!rest.empty()) {
      std::string_view element = take_to(rest, ',');
      if (!iequals(take_to(element, ';'), token)) continue;
      bool wanted = true;
      while (!element.empty()) wanted = !is_weight_of_nothing(take_to(element, ';')) && wanted;
      return wanted;
    }
  }
  return false;
}

std::string http_reason(int status) {
  const auto reason = boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(status));
  return {reason.data(), reason.size()};
}

HttpReply plain_http_reply(int status) {
  HttpReply reply;
  reply.status = status;
  reply.body = http_reason(status) + "\n";
  return reply;
}

std::string http_date(SystemTime when) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<seconds>(when - day));
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[std::chrono::weekday(day).c_encoding()], static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    const int octet = high * 16 + low;
    if (octet < 0x20 || octet == 0x7f) return std::nullopt;
    out += static_cast<char>(octet);
    i += 2;
  }
  return out;
}

}  // namespace posthouse::net
