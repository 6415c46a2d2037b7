// What a server says it can do in its reply to EHLO (RFC 5321 section 4.1.1.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::wire::smtp {

struct Capabilities {
  bool pipelining = false;        // RFC 2920
  bool eight_bit_mime = false;    // RFC 6152
  bool utf8 = false;              // SMTPUTF8, RFC 6531
  bool starttls = false;          // RFC 3207
  std::optional<uint64_t> size;   // RFC 1870; 0: announced without a limit
  std::vector<std::string> auth;  // mechanisms in upper case, at most 32 (RFC 4954)
  bool offers_auth(std::string_view mechanism) const;
};

// `text` of the EHLO reply, lines separated by \n; the first (the greeting) is skipped. Unknown keywords and
// malformed lines are passed over.
Capabilities parse_capabilities(std::string_view text);

}  // namespace posthouse::wire::smtp
