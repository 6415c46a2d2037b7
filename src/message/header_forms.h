// The forms in which JMAP gives the fields of a header (RFC 8621 section 4.1.2). Values are raw, folding
// included.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::message {

enum class HeaderForm { raw, text, addresses, grouped_addresses, message_ids, date, urls };

// The form that "asText" and the like name, without the "as"; nothing for other words.
std::optional<HeaderForm> parse_header_form(std::string_view name);

// Whether a field may be asked for in that form: structured fields have their own, unknown ones any.
bool allows_form(std::string_view field_name, HeaderForm form);

// UTF-8, U+FFFD for what is none; NUL and the last line end dropped.
std::string raw_form(std::string_view value);

// Unfolded, encoded words decoded where RFC 2047 section 5 allows them to stand, NFC.
std::string text_form(std::string_view value);

struct FormAddress {
  std::optional<std::string> name;
  std::string email;
  bool operator==(const FormAddress&) const = default;
};
struct FormGroup {
  std::optional<std::string> name;  // nothing: addresses outside of groups
  std::vector<FormAddress> addresses;
  bool operator==(const FormGroup&) const = default;
};
// At most limits::kAddresses.
std::vector<FormAddress> addresses_form(std::string_view value);
std::vector<FormGroup> grouped_addresses_form(std::string_view value);

// Nothing where none can be read.
std::optional<std::vector<std::string>> message_ids_form(std::string_view value);
std::optional<std::vector<std::string>> urls_form(std::string_view value);
// RFC 3339 in the zone of the field: "2014-10-30T14:12:00+08:00".
std::optional<std::string> date_form(std::string_view value);

}  // namespace posthouse::message
