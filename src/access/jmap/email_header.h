// Fields of a header from the properties that stand for them (RFC 8621 sections 4.1.2 and 4.6).
#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <string>

#include "access/jmap/header_property.h"

namespace posthouse::access::jmap {

// The lines of the field, or of several with ":all"; "" of null. Nothing where the value is none of that
// form.
std::optional<std::string> header_lines(const HeaderProperty& property, const json::value& value);

}  // namespace posthouse::access::jmap
