// The command lines of SMTP, LMTP and submission as typed values.
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <variant>

#include "wire/smtp/parameters.h"
#include "wire/smtp/syntax_fault.h"

namespace posthouse::wire::smtp {

// All views point into the parsed line.

struct Hello {  // RFC 5321 section 4.1.1.1, LHLO RFC 2033 section 4.1
  enum Kind { helo, ehlo, lhlo } kind = helo;
  std::string_view domain;  // letters, digits and ".-_:[]" only: it goes into trace headers
};
struct Mail {             // section 4.1.1.2
  std::string_view path;  // what stood between the brackets, "" for the null reverse-path
  MailParameters parameters;
};
struct Rcpt {             // section 4.1.1.3
  std::string_view path;  // never empty
};
struct Data {};               // section 4.1.1.4
struct Rset {};               // section 4.1.1.5
struct Vrfy {                 // section 4.1.1.6
  std::string_view argument;  // without the SMTPUTF8 parameter of RFC 6531 section 3.7.4.2
};
struct Help {              // section 4.1.1.8
  std::string_view topic;  // may be empty
};
struct Noop {};  // section 4.1.1.9; what follows is not looked at
struct Quit {};  // section 4.1.1.10
struct Etrn {    // RFC 1985 section 5
  std::string_view argument;
};
struct StartTls {};                         // RFC 3207 section 4
struct Auth {                               // RFC 4954 section 4
  std::string_view mechanism;               // as written; 1 to 20 of letters, digits, "-" and "_"
  std::optional<std::string_view> initial;  // still in base64; "=" (an empty response) is given as ""
};

using Command = std::variant<Hello, Mail, Rcpt, Data, Rset, Vrfy, Help, Noop, Quit, Etrn, StartTls, Auth>;

// `line` with its line end. Only CRLF ends a line, and it holds no other CR, no LF and no NUL (RFC 5321
// section 2.3.8); verbs in any case; trailing blanks are forgiven (section 4.1.1). The fault holds the reply.
std::expected<Command, SyntaxFault> parse_command(std::string_view line);

}  // namespace posthouse::wire::smtp
