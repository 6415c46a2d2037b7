// "imaps://USER@HOST:PORT": the account on another server that letters come from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::app::moving {

struct ImapUrl {
  bool tls = false;  // from the first byte
  std::string user, host;
  uint16_t port = 0;
  std::string to_string() const;
};

bool is_imap_url(std::string_view text);
// syntax, with what was expected. USER and HOST may have %XX (RFC 5092); an "@" in USER need not be written
// so.
Result<ImapUrl> parse_imap_url(std::string_view text);

}  // namespace posthouse::app::moving
