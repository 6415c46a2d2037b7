// Properties that are fields of a header (RFC 8621 sections 4.1.2 and 4.1.3).
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "message/header_forms.h"

namespace posthouse::access::jmap {

namespace json = boost::json;

struct HeaderProperty {
  std::string name;   // the property, as the client wrote it
  std::string field;  // of the header
  message::HeaderForm form = message::HeaderForm::raw;
  bool all = false;  // an array of all instances; else the last one
};

// "header:NAME", with ":asFORM" and ":all" perhaps, or one of the short names ("subject"). Nothing where it
// is none of these, or the field has no such form.
std::optional<HeaderProperty> parse_header_property(std::string_view name);
// Whether it is one of the short names.
bool is_short_header_name(std::string_view name);

// `header`: the block of the letter or part.
json::value header_value(const HeaderProperty& property, std::string_view header);
// The property "headers": all fields in their order, at most kMaxHeaderFields.
json::array all_headers(std::string_view header);

}  // namespace posthouse::access::jmap
