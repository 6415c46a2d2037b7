// One address as an envelope or a header names it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::message {

// local@domain, parsed. `local` is unquoted, `domain` as written (an address literal keeps its brackets).
struct Address {
  std::string local;
  std::string domain;             // "" for a bare "postmaster"
  std::string to_string() const;  // quotes the local part where RFC 5321 needs it
  bool is_ascii() const;
  bool empty() const { return local.empty() && domain.empty(); }
  bool operator==(const Address&) const = default;
};

// Mailbox of RFC 5321 section 4.1.2 with RFC 6531 section 3.3 (UTF-8). Limits: local part 64 octets, domain
// 255 (section 4.5.3.1). Source routes are accepted and dropped. Fails with `syntax`.
Result<Address> parse_mailbox(std::string_view text);

// A domain in lower-case A-labels (IDNA 2008, UTS 46), or an address literal in lower case. Fails with
// `syntax`.
Result<std::string> domain_to_ascii(std::string_view domain);

// The same for a domain of ours, which other hosts must be able to write to: letters, digits and hyphens only
// (RFC 5321 section 4.1.2 Domain), no address literal.
Result<std::string> mail_domain(std::string_view domain);
// For people to read; what can't be converted stays.
std::string domain_to_unicode(std::string_view domain);

// The form in which addresses are compared and stored: domain as above, local part NFC and case-folded.
Result<std::string> address_key(std::string_view address);

}  // namespace posthouse::message
