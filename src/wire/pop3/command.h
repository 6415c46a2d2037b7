// The commands of POP3 (RFC 1939, 2449, 2595, 5034, 6856): one line in, one typed command out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace posthouse::wire::pop3 {

enum class Verb : uint8_t {
  apop,
  auth,
  capa,
  dele,
  lang,
  list,
  noop,
  pass,
  quit,
  retr,
  rset,
  stat,
  stls,
  top,
  uidl,
  user,
  utf8,
};

struct Command {
  Verb verb = Verb::noop;
  std::string text;                    // USER: the name; AUTH: the mechanism; LANG: the range; may be empty
  Secret password;                     // PASS
  std::optional<std::string> initial;  // AUTH: the initial response as it was sent
  std::optional<uint32_t> message;     // LIST, RETR, DELE, TOP, UIDL; never 0
  uint64_t lines = 0;                  // TOP
};

// `line` with or without its line end. A fault's words may be told to the client.
Result<Command> parse_command(std::string_view line);

// The keyword as RFCs write it, for logs.
std::string_view name_of(Verb verb);

}  // namespace posthouse::wire::pop3
