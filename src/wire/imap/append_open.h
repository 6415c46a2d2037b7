// What a literal of an APPEND belongs to: how the text behind it goes on.
#pragma once

namespace posthouse::wire::imap {

struct AppendOpen {
  bool utf8 = false;      // UTF8 (literal8) has a parenthesis to close (RFC 6855 section 4)
  bool catenate = false;  // further parts of the message may follow (RFC 4469)
  bool single = false;    // no further message may follow (RFC 8508)
};

}  // namespace posthouse::wire::imap
