#include "smtp/server.h"

namespace posthouse::smtp {

std::string SessionFacts::with(bool smtputf8) const {
  if (!extended) return lmtp ? "LMTP" : "SMTP";
  std::string word = smtputf8 ? "UTF8" : "";
  // RFC 6531 section 4.3 has UTF8SMTP without the E.
  word += lmtp ? "LMTP" : smtputf8 ? "SMTP" : "ESMTP";
  if (tls) word += 'S';
  if (account) word += 'A';
  return word;
}

}  // namespace posthouse::smtp
