// Structured MIME header fields: Content-Type and its kin (RFC 2045, 2183, 2231, 3282).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace posthouse::message {

using Parameters = std::vector<std::pair<std::string, std::string>>;  // name as written, value unquoted

// A word and its parameters, as Content-Type ("text/plain") and Content-Disposition ("attachment") have them.
struct ContentField {
  std::string value;       // the part before the first ";", blanks and comments gone
  Parameters parameters;   // pieces of RFC 2231 section 3 joined, see below
  bool truncated = false;  // limits::kParameters or kParameterBytes was hit
};

// Never fails. Comments are dropped, unquoted values may hold blanks and "tspecials" (as mailers write them),
// the first of several parameters of one name comes first. Continuations ("name*0", "name*1") are joined into
// "name"; where a piece is encoded ("name*0*") the result is "name*" with the value still in the form
// charset'language'%XX, which keeps it ASCII and is what RFC 2231 readers expect (RFC 9051 section 7.5.2
// leaves the name the same).
ContentField parse_content_field(std::string_view raw_value);

// Splits "type/subtype". False (RFC 2045 section 5.2: then it counts as text/plain; charset=us-ascii) if it
// is no such thing.
bool split_media_type(std::string_view value, std::string& type, std::string& subtype);

// The value of a parameter by name (ASCII case ignored), "" if there is none.
std::string_view find_parameter(const Parameters& parameters, std::string_view name);

// A parameter as text: "name*" decoded from its charset (RFC 2231 section 4), else "name" with encoded words
// decoded where mailers wrongly put them (RFC 2231 section 5 forbids, everyone does). UTF-8.
std::string parameter_text(const Parameters& parameters, std::string_view name);

// The one token of a Content-Transfer-Encoding, comments gone: "base64".
std::string parse_token(std::string_view raw_value);

// The tags of a Content-Language field.
std::vector<std::string> parse_languages(std::string_view raw_value);

}  // namespace posthouse::message
