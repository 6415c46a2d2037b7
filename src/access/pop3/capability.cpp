// CAPA (RFC 2449) and LANG (RFC 6856 section 3).
#include "access/pop3/capability.h"

#include "access/channel.h"
#include "base/ascii.h"

namespace posthouse::access::pop3 {

wire::sasl::Channel channel(const Session& s) {
  return channel_of(*s.stream, s.options->allow_plain_login, "pop3", s.id, s.services.authenticator);
}

// The same before and after login, as the RFCs say of each; only TLS changes it. The version stays untold: it
// would help attackers more than users.
void cmd_capa(Session& s) {
  const bool tls = s.stream->tls().active;
  s.ok("Capabilities follow");
  s.out += "TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nEXPIRE NEVER\r\nLOGIN-DELAY 0\r\n";
  if (tls || s.options->allow_plain_login) s.out += "USER\r\n";
  std::string sasl;
  for (const std::string& mechanism : wire::sasl::mechanisms(channel(s))) sasl += " " + mechanism;
  if (!sasl.empty()) s.out += "SASL" + sasl + "\r\n";
  if (!tls && s.options->tls) s.out += "STLS\r\n";
  s.out += "UTF8 USER\r\nLANG\r\nIMPLEMENTATION Posthouse\r\n.\r\n";
}

void cmd_lang(Session& s, const wire::pop3::Command& c) {
  if (c.text.empty()) {
    s.ok("Languages follow");
    s.out += "en English\r\n.\r\n";
  } else if (c.text == "*" || iequals(c.text, "en") || iequals(c.text, "i-default")) {
    s.ok("en English it is");
  } else {
    s.error("No such language here");
  }
}

}  // namespace posthouse::access::pop3
