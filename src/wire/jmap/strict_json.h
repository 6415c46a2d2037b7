// I-JSON (RFC 7493), as JMAP's requests have to be (RFC 8620 section 1.7): UTF-8, no name twice in an object.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"

namespace posthouse::wire::jmap {

namespace json = boost::json;

// `syntax` when it is none, or breaks a limit (depth, number of values). Linear; holds some 30 octets a
// value.
Result<json::value> parse_strict(std::string_view text);

}  // namespace posthouse::wire::jmap
