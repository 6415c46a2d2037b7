// What of letters is asked for (RFC 8621 sections 4.1 and 4.2).
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "access/jmap/arguments.h"
#include "access/jmap/header_property.h"

namespace posthouse::access::jmap {

// Properties that are neither fields of a header nor made of anything else.
struct EmailPlan {
  std::set<std::string, std::less<>> properties;  // "id" and so on
  std::vector<HeaderProperty> headers;
  std::set<std::string, std::less<>> body_properties;  // of each part
  std::vector<HeaderProperty> body_headers;
  bool text_values = false, html_values = false, all_values = false;
  uint64_t max_body_value = 0;  // octets; 0: no limit of the client's

  bool wants(std::string_view property) const { return properties.contains(property); }
  bool wants_header() const { return !headers.empty() || wants("headers"); }
  bool wants_part_headers() const { return !body_headers.empty() || body_properties.contains("headers"); }
  bool wants_parts() const {
    return wants("bodyStructure") || wants("textBody") || wants("htmlBody") || wants("attachments") ||
           wants("bodyValues");
  }
};

// Takes "properties", "bodyProperties", "fetchTextBodyValues", "fetchHTMLBodyValues", "fetchAllBodyValues"
// and "maxBodyValueBytes". invalidArguments: a property that there is not, or a form that a field does not
// have.
// `of_store`: of letters that are in it, with all that they have there.
EmailPlan take_email_plan(Arguments& arguments, bool of_store = true);

}  // namespace posthouse::access::jmap
