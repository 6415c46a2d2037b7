#include "access/jmap/email_header.h"

#include <algorithm>

#include "base/ascii.h"
#include "message/address.h"
#include "message/address_list.h"
#include "message/date.h"
#include "message/fold.h"

namespace posthouse::access::jmap {
namespace {

using message::HeaderForm;
using Text = std::optional<std::string>;

// Values that get a ", " (or another thing) between them.
template <class Each>
Text joined(const json::value& value, std::string_view between, const Each& each) {
  if (!value.is_array()) return std::nullopt;
  std::string out;
  for (const json::value& one : value.get_array()) {
    const Text text = each(one);
    if (!text) return std::nullopt;
    if (!out.empty()) out += between;
    out += *text;
  }
  return out;
}

Text string_of(const json::value& value) {
  if (!value.is_string()) return std::nullopt;
  return std::string(value.get_string());
}

// A draft's address may be none yet (section 4.1.2.3): it stands as it is, on one line.
Text address(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const json::value* name = value.get_object().if_contains("name");
  const json::value* email = value.get_object().if_contains("email");
  if (email == nullptr || !email->is_string() || (name != nullptr && !name->is_null() && !name->is_string()))
    return std::nullopt;
  const std::string shown =
      name != nullptr && name->is_string() ? std::string(name->get_string()) : std::string();
  const std::string_view text = email->get_string();
  if (const Result<message::Address> parsed = message::parse_mailbox(text))
    return message::format_address(shown, *parsed, false);
  std::string plain = message::one_line(text, false);
  std::erase_if(plain, [](char c) { return std::string_view("<>,;\"()").contains(c); });
  message::Address whole;
  whole.local = "x";
  // Only the name's writing is of use.
  std::string named = message::format_address(shown, whole, false);
  if (shown.empty()) return plain;
  return named.substr(0, named.rfind('<')) + "<" + plain + ">";
}

Text group(const json::value& value) {
  if (!value.is_object()) return std::nullopt;
  const json::value* name = value.get_object().if_contains("name");
  const json::value* addresses = value.get_object().if_contains("addresses");
  if (addresses == nullptr) return std::nullopt;
  const Text list = joined(*addresses, ", ", address);
  if (!list || name == nullptr || name->is_null()) return list;
  if (!name->is_string()) return std::nullopt;
  message::Address whole;
  whole.local = "x";
  std::string named = message::format_address(std::string_view(name->get_string()), whole, false);
  return named.substr(0, named.rfind(" <")) + ": " + *list + ";";
}

Text in_brackets(const json::value& value) {
  const Text text = string_of(value);
  if (!text || std::ranges::any_of(*text, [](char c) { return c <= ' ' || c == '<' || c == '>'; }))
    return std::nullopt;
  return "<" + *text + ">";
}

// "2014-10-30T14:12:00+08:00" (RFC 3339).
Text date(const json::value& value) {
  const Text text = string_of(value);
  if (!text || text->size() < 20 || (*text)[10] != 'T') return std::nullopt;
  const std::optional<message::ZonedTime> when = message::parse_date(*text);
  if (!when) return std::nullopt;
  return message::format_date(when->time, when->offset_minutes);
}

Text one_field(const HeaderProperty& property, const json::value& value) {
  std::string out;
  Text text;
  switch (property.form) {
    case HeaderForm::raw:
    case HeaderForm::text:
      text = string_of(value);
      if (!text) return std::nullopt;
      while (text->starts_with(' ')) text->erase(0, 1);
      // Raw ones are structured perhaps: encoded words are only for what has to be.
      if (property.form == HeaderForm::text || std::ranges::any_of(*text, is_8bit))
        message::append_text_field(out, property.field, *text, false);
      else
        message::append_field(out, property.field, *text, false);
      return out;
    case HeaderForm::addresses:
      text = joined(value, ", ", address);
      break;
    case HeaderForm::grouped_addresses:
      text = joined(value, ", ", group);
      break;
    case HeaderForm::message_ids:
      text = joined(value, " ", in_brackets);
      break;
    case HeaderForm::urls:
      text = joined(value, ", ", in_brackets);
      break;
    case HeaderForm::date:
      text = date(value);
      break;
  }
  if (!text) return std::nullopt;
  if (!text->empty()) message::append_field(out, property.field, *text, false);
  return out;
}

}  // namespace

std::optional<std::string> header_lines(const HeaderProperty& property, const json::value& value) {
  if (value.is_null()) return std::string();
  if (!property.all) return one_field(property, value);
  if (!value.is_array()) return std::nullopt;
  std::string out;
  for (const json::value& one : value.get_array()) {
    const Text lines = one_field(property, one);
    if (!lines) return std::nullopt;
    out += *lines;
  }
  return out;
}

}  // namespace posthouse::access::jmap
