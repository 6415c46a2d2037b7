// LOGIN (RFC 3501 section 6.2.3) and AUTHENTICATE (section 6.2.2, RFC 4959).
#include "base/ascii.h"
#include "wire/imap/parse/parsers.h"

namespace posthouse::wire::imap {

bool parse_login(Cursor& in, Command& out) {
  Login command;
  std::string password;
  if (!in.space() || !in.astring(command.user) || !in.space() || !in.astring(password)) return false;
  command.password = Secret(std::move(password));
  out = std::move(command);
  return true;
}

bool parse_authenticate(Cursor& in, Command& out) {
  Authenticate command;
  std::string_view mechanism;
  if (!in.space() || !in.atom(mechanism)) return false;
  command.mechanism = to_upper(mechanism);
  if (in.eat(' ')) {
    // initial-resp = base64 / "=": its decoder is the judge of it
    std::string_view text = in.rest();
    std::string_view initial = text.substr(0, text.find_first_of(" \r\n"));
    if (initial.empty() || !in.eat_word(initial)) return in.fail("Initial response expected");
    command.initial = std::string(initial);
  }
  out = std::move(command);
  return true;
}

}  // namespace posthouse::wire::imap
