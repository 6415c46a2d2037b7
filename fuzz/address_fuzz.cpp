// Addresses of SMTP and of header fields: what is accepted comes back the same, nothing breaks out of a
// field.
#include <cstdlib>

#include "message/address.h"
#include "message/address_list.h"
#include "message/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace posthouse::message;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto require = [](bool condition) {
    if (!condition) std::abort();
  };
  if (const auto address = parse_mailbox(text)) {
    require(address->local.size() <= limits::kLocalPart && address->domain.size() <= limits::kDomain);
    const auto again = parse_mailbox(address->to_string());
    require(again.has_value() && *again == *address);
  }
  if (const auto key = address_key(text)) {
    const auto again = address_key(*key);
    require(!again || *again == *key);
  }
  if (const auto domain = domain_to_ascii(text)) require(domain_to_ascii(*domain).value() == *domain);
  domain_to_unicode(text);
  for (const auto& entry : parse_address_list(text, 1000)) {
    require(entry.mailbox.find('\n') == std::string::npos && entry.name.find('\n') == std::string::npos);
    const auto written = format_address(entry.name, {entry.mailbox, entry.host}, false);
    require(written.find_first_of("\r\n") == std::string::npos);
  }
  mailboxes(text);
  complete_addresses(text, "example.org");
  return 0;
}
