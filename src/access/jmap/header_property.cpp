#include "access/jmap/header_property.h"

#include <algorithm>
#include <boost/json/object.hpp>

#include "access/jmap/limits.h"
#include "message/headers.h"

namespace posthouse::access::jmap {
namespace {

using message::HeaderForm;

struct ShortName {
  std::string_view name, field;
  HeaderForm form;
};
constexpr ShortName kShortNames[] = {
    {"messageId", "Message-ID", HeaderForm::message_ids},
    {"inReplyTo", "In-Reply-To", HeaderForm::message_ids},
    {"references", "References", HeaderForm::message_ids},
    {"sender", "Sender", HeaderForm::addresses},
    {"from", "From", HeaderForm::addresses},
    {"to", "To", HeaderForm::addresses},
    {"cc", "Cc", HeaderForm::addresses},
    {"bcc", "Bcc", HeaderForm::addresses},
    {"replyTo", "Reply-To", HeaderForm::addresses},
    {"subject", "Subject", HeaderForm::text},
    {"sentAt", "Date", HeaderForm::date},
};

const ShortName* short_name(std::string_view name) {
  const auto* at = std::ranges::find(kShortNames, name, &ShortName::name);
  return at == std::end(kShortNames) ? nullptr : at;
}

// Everything between colons has to be there.
std::optional<HeaderProperty> parse_long(std::string_view whole) {
  HeaderProperty out;
  out.name = whole;
  std::string_view rest = whole.substr(std::string_view("header:").size());
  out.field = rest.substr(0, rest.find(':'));
  rest.remove_prefix(out.field.size());
  if (rest.ends_with(":all")) {
    out.all = true;
    rest.remove_suffix(4);
  }
  if (!rest.empty()) {
    if (!rest.starts_with(":as")) return std::nullopt;
    const std::optional<HeaderForm> form = message::parse_header_form(rest.substr(3));
    if (!form) return std::nullopt;
    out.form = *form;
  }
  const bool printable =
      !out.field.empty() && std::ranges::all_of(out.field, [](char c) { return c > ' ' && c < '\x7f'; });
  if (!printable || !message::allows_form(out.field, out.form)) return std::nullopt;
  return out;
}

json::value text_or_null(const std::optional<std::string>& text) {
  if (!text) return nullptr;
  return json::value(*text);
}

json::value list_or_null(const std::optional<std::vector<std::string>>& list) {
  if (!list) return nullptr;
  json::array out;
  for (const std::string& one : *list) out.emplace_back(one);
  return out;
}

json::array address_list(const std::vector<message::FormAddress>& addresses) {
  json::array out;
  for (const message::FormAddress& one : addresses)
    out.push_back(json::object{{"name", text_or_null(one.name)}, {"email", one.email}});
  return out;
}

json::value in_form(HeaderForm form, std::string_view value) {
  switch (form) {
    case HeaderForm::raw:
      return json::value(message::raw_form(value));
    case HeaderForm::text:
      return json::value(message::text_form(value));
    case HeaderForm::addresses:
      return address_list(message::addresses_form(value));
    case HeaderForm::grouped_addresses: {
      json::array out;
      for (const message::FormGroup& group : message::grouped_addresses_form(value))
        out.push_back(
            json::object{{"name", text_or_null(group.name)}, {"addresses", address_list(group.addresses)}});
      return out;
    }
    case HeaderForm::message_ids:
      return list_or_null(message::message_ids_form(value));
    case HeaderForm::date:
      return text_or_null(message::date_form(value));
    case HeaderForm::urls:
      return list_or_null(message::urls_form(value));
  }
  return nullptr;
}

}  // namespace

std::optional<HeaderProperty> parse_header_property(std::string_view name) {
  if (name.starts_with("header:")) return parse_long(name);
  const ShortName* known = short_name(name);
  if (known == nullptr) return std::nullopt;
  return HeaderProperty{std::string(name), std::string(known->field), known->form, false};
}

bool is_short_header_name(std::string_view name) {
  return short_name(name) != nullptr;
}

json::value header_value(const HeaderProperty& property, std::string_view header) {
  const std::vector<message::HeaderField> fields = message::find_fields(header, property.field);
  if (!property.all) {
    if (fields.empty()) return nullptr;
    return in_form(property.form, fields.back().value);
  }
  json::array out;
  for (const message::HeaderField& field : fields) {
    if (out.size() == kMaxHeaderFields) break;
    out.push_back(in_form(property.form, field.value));
  }
  return out;
}

json::array all_headers(std::string_view header) {
  json::array out;
  message::HeaderReader reader(header);
  message::HeaderField field;
  while (out.size() < kMaxHeaderFields && reader.next(field))
    out.push_back(
        json::object{{"name", message::raw_form(field.name)}, {"value", message::raw_form(field.value)}});
  return out;
}

}  // namespace posthouse::access::jmap
