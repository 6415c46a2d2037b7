#include "message/header_forms.h"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "base/ascii.h"
#include "message/address_list.h"
#include "message/date.h"
#include "message/encoded_word.h"
#include "message/lexical.h"
#include "message/limits.h"
#include "message/message_ids.h"
#include "message/unicode_text.h"

namespace posthouse::message {
namespace {

constexpr std::array<std::string_view, 12> kAddressFields = {
    "From",        "Sender",        "Reply-To",        "To",        "Cc",        "Bcc",
    "Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc"};
constexpr std::array<std::string_view, 4> kIdFields = {"Message-ID", "In-Reply-To", "References",
                                                       "Resent-Message-ID"};
constexpr std::array<std::string_view, 2> kDateFields = {"Date", "Resent-Date"};
constexpr std::array<std::string_view, 6> kUrlFields = {"List-Help", "List-Unsubscribe", "List-Subscribe",
                                                        "List-Post", "List-Owner",       "List-Archive"};
// List-Id is of RFC 2919 but named with them.
constexpr std::array<std::string_view, 4> kTextFields = {"Subject", "Comments", "Keywords", "List-Id"};
constexpr std::array<std::string_view, 2> kRawFields = {"Return-Path", "Received"};

bool among(std::string_view name, const auto& names) {
  for (auto n : names) {
    if (iequals(n, name)) return true;
  }
  return false;
}

FormAddress form_address(const EnvelopeAddress& address) {
  FormAddress out;
  std::string name(trim(normalize_nfc(decode_words_strictly(address.name))));
  if (!name.empty()) out.name = std::move(name);
  const Address mailbox{address.mailbox, address.host};
  out.email = to_valid_utf8(address.host.empty() ? address.mailbox : mailbox.to_string());
  return out;
}

// Behind a comment that begins at `at`; behind its parenthesis if it is never closed.
size_t skip_comment(std::string_view text, size_t at, bool& broken) {
  const auto end = broken ? std::nullopt : comment_end(text, at);
  broken = !end;
  return end.value_or(at + 1);
}

}  // namespace

std::optional<HeaderForm> parse_header_form(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, HeaderForm>, 7> kForms = {
      {{"Raw", HeaderForm::raw},
       {"Text", HeaderForm::text},
       {"Addresses", HeaderForm::addresses},
       {"GroupedAddresses", HeaderForm::grouped_addresses},
       {"MessageIds", HeaderForm::message_ids},
       {"Date", HeaderForm::date},
       {"URLs", HeaderForm::urls}}};
  for (const auto& [word, form] : kForms) {
    if (word == name) return form;
  }
  return std::nullopt;
}

bool allows_form(std::string_view field_name, HeaderForm form) {
  if (form == HeaderForm::raw) return true;
  if (among(field_name, kRawFields)) return false;
  if (among(field_name, kTextFields)) return form == HeaderForm::text;
  if (among(field_name, kAddressFields))
    return form == HeaderForm::addresses || form == HeaderForm::grouped_addresses;
  if (among(field_name, kIdFields)) return form == HeaderForm::message_ids;
  if (among(field_name, kDateFields)) return form == HeaderForm::date;
  if (among(field_name, kUrlFields)) return form == HeaderForm::urls;
  return true;
}

std::string raw_form(std::string_view value) {
  if (value.ends_with('\n')) value.remove_suffix(1);
  if (value.ends_with('\r')) value.remove_suffix(1);
  std::string out = to_valid_utf8(value);
  std::erase(out, '\0');
  return out;
}

std::string text_form(std::string_view value) {
  return normalize_nfc(decode_words_strictly(value));
}

std::vector<FormAddress> addresses_form(std::string_view value) {
  std::vector<FormAddress> out;
  for (const auto& address : parse_address_list(value, limits::kAddresses)) {
    if (!address.is_group_start() && !address.is_group_end()) out.push_back(form_address(address));
  }
  return out;
}

std::vector<FormGroup> grouped_addresses_form(std::string_view value) {
  std::vector<FormGroup> out;
  bool open = false;  // whether the last group takes what comes
  for (const auto& address : parse_address_list(value, limits::kAddresses)) {
    if (address.is_group_start()) {
      out.push_back({normalize_nfc(decode_words_strictly(address.mailbox)), {}});
      open = true;
    } else if (address.is_group_end()) {
      open = false;
    } else {
      if (!std::exchange(open, true)) out.emplace_back();
      out.back().addresses.push_back(form_address(address));
    }
  }
  return out;
}

std::optional<std::vector<std::string>> message_ids_form(std::string_view value) {
  std::vector<std::string> ids;
  for (const auto& id : parse_message_ids_as_written(value)) ids.push_back(to_valid_utf8(id));
  if (ids.empty()) return std::nullopt;
  return ids;
}

// RFC 2369 section 2: URLs in angle brackets, comments and commas between.
std::optional<std::vector<std::string>> urls_form(std::string_view value) {
  std::vector<std::string> urls;
  bool comments_broken = false;
  size_t at = 0;
  while (at < value.size() && urls.size() < limits::kUrls) {
    if (value[at] == '(') {
      at = skip_comment(value, at, comments_broken);
      continue;
    }
    if (value[at++] != '<') continue;
    const size_t end = value.find('>', at);
    if (end == std::string_view::npos) break;
    std::string url;
    for (char c : value.substr(at, end - at)) {
      if (static_cast<unsigned char>(c) > ' ' && c != 127) url += c;
    }
    if (!url.empty()) urls.push_back(to_valid_utf8(url));
    at = end + 1;
  }
  if (urls.empty()) return std::nullopt;
  return urls;
}

std::optional<std::string> date_form(std::string_view value) {
  using namespace std::chrono;
  const auto when = parse_date(value);
  if (!when) return std::nullopt;
  const auto local = floor<seconds>(when->time + minutes(when->offset_minutes));
  const auto day = floor<days>(local);
  const year_month_day date(day);
  const hh_mm_ss time(local - day);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                time.hours().count(), time.minutes().count(), time.seconds().count());
  const int offset = when->offset_minutes, distance = offset < 0 ? -offset : offset;
  if (offset == 0) return out + "Z";
  return out + fmt::format("{}{:02}:{:02}", offset < 0 ? '-' : '+', distance / 60, distance % 60);
}

}  // namespace posthouse::message
