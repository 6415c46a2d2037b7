// What was said about a recipient, by the other host or by us: the reason behind every outcome.
#pragma once

#include <string>

#include "smtp/server.h"

namespace posthouse::transport {

struct Answer {
  int code = 0;          // SMTP code; 0: no answer was had
  std::string status;    // enhanced code, never ""
  bool guessed = false;  // ... and not what the host said, but what its code means at least
  std::string text;      // one line
  std::string host;      // name of the host that said it; "" for ourselves
  bool tls = false;

  bool delivered() const { return code >= 200 && code < 300; }
  bool permanent() const { return code >= 500 && code < 600; }
  bool temporary() const { return !delivered() && !permanent(); }
};

// From a reply of `host`. An enhanced code whose class contradicts the reply code is replaced (RFC 2034
// section 4).
Answer answer_from(const smtp::Reply& reply, std::string host, bool tls);
// Our own word.
Answer own_answer(int code, std::string status, std::string text);
// "550 5.1.1 no such user" for people, and for Diagnostic-Code.
std::string to_line(const Answer& answer);

}  // namespace posthouse::transport
