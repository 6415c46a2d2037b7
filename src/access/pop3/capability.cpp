// CAPA (RFC 2449) and LANG (RFC 6856 section 3).
#include "access/pop3/capability.h"

#include <algorithm>
#include <string_view>
#include <vector>

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

namespace {

// A basic language range (RFC 4647 section 2.1) that lookup (section 3.4) takes to English: "en-US" is cut at
// its end until a tag is left.
bool asks_for_english(std::string_view range) {
  const std::vector<std::string_view> subtags = split(range, '-');
  const bool well_formed = std::ranges::all_of(subtags, [](std::string_view subtag) {
    return !subtag.empty() && std::ranges::all_of(subtag, is_alnum);
  });
  if (!well_formed) return false;
  return iequals(subtags[0], "en") || iequals(range, "i-default") || istarts_with(range, "i-default-");
}

}  // namespace

void cmd_lang(Session& s, const wire::pop3::Command& c) {
  if (c.text.empty()) {
    s.ok("Languages follow");
    s.out += "en English\r\n.\r\n";
  } else if (c.text == "*" || asks_for_english(c.text)) {
    s.ok("en English it is");
  } else {
    s.error("No such language here");
  }
}

}  // namespace posthouse::access::pop3
