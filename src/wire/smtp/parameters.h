// The parameters of MAIL and RCPT (RFC 5321 section 4.1.1.11, esmtp-param).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "wire/smtp/syntax_fault.h"

namespace posthouse::wire::smtp {

// What MAIL FROM may say beside the path.
struct MailParameters {
  std::optional<uint64_t> size;  // SIZE (RFC 1870 section 6); more than fits counts as the largest number
  bool eight_bit = false;        // BODY=8BITMIME (RFC 6152)
  bool utf8 = false;             // SMTPUTF8 (RFC 6531 section 3.4)
  // AUTH=... (RFC 4954 section 5) is checked and then ignored, as that section allows for all but trusted
  // peers.
};

// `text` is what follows the path: "" or " KEY=VALUE KEY ...". An unknown parameter is 555, a bad value 501.
std::expected<MailParameters, SyntaxFault> parse_mail_parameters(std::string_view text);

// RCPT knows no parameter yet: any is 555 (delivery status notifications are not announced).
std::expected<void, SyntaxFault> parse_rcpt_parameters(std::string_view text);

}  // namespace posthouse::wire::smtp
