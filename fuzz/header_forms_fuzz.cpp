// JMAP's forms of header fields (RFC 8621 section 4.1.2): always UTF-8, always within the limits, and groups
// hold what the flat list does. The first line is the name of the field.
#include <cstdlib>

#include "message/header_forms.h"
#include "message/limits.h"
#include "message/unicode_text.h"

using namespace posthouse::message;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_addresses(std::string_view value) {
  const auto flat = addresses_form(value);
  std::vector<FormAddress> grouped;
  for (const auto& group : grouped_addresses_form(value)) {
    require(!group.name || is_utf8(*group.name));
    grouped.insert(grouped.end(), group.addresses.begin(), group.addresses.end());
  }
  require(flat == grouped && flat.size() <= limits::kAddresses);
  for (const auto& address : flat) {
    require(is_utf8(address.email));
    require(!address.name || (is_utf8(*address.name) && !address.name->empty()));
  }
}

void check_lists(std::string_view value) {
  if (const auto ids = message_ids_form(value)) {
    require(!ids->empty() && ids->size() <= limits::kMessageIds);
    for (const auto& id : *ids) require(is_utf8(id) && !id.empty());
  }
  if (const auto urls = urls_form(value)) {
    require(!urls->empty() && urls->size() <= limits::kUrls);
    for (const auto& url : *urls) require(is_utf8(url) && !url.empty() && url.find(' ') == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line = std::min(text.find('\n'), text.size());
  const std::string_view name = text.substr(0, line), value = text.substr(std::min(line + 1, text.size()));
  const auto form = parse_header_form(name);
  require(allows_form(name, HeaderForm::raw) && (!form || allows_form("X-Unknown", *form)));
  const std::string raw = raw_form(value), shown = text_form(value);
  require(is_utf8(raw) && raw.find('\0') == std::string::npos);
  require(is_utf8(shown) && shown.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
  check_addresses(value);
  check_lists(value);
  if (const auto date = date_form(value)) require(date->size() >= 20 && date->find('T') != std::string::npos);
  return 0;
}
