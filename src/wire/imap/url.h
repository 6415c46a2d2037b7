// IMAP URLs of messages and their parts (RFC 5092 section 11, imessagepart), as CATENATE takes them (RFC 4469
// section 3): relative to the server and the account of the session.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/imap/command.h"

namespace posthouse::wire::imap {

struct MessageUrl {
  std::string mailbox;  // in UTF-8
  std::optional<uint32_t> uid_validity;
  uint32_t uid = 0;
  Section section;
  std::optional<FetchItem::Partial> partial;
};

// Nothing for what is no such URL, and for absolute ones: those name other servers, or this one as others see
// it. `selected`: the mailbox that relative paths start from, "" for none; ";UID=..." alone is of that
// mailbox.
std::optional<MessageUrl> parse_message_url(std::string_view url, std::string_view selected);

}  // namespace posthouse::wire::imap
