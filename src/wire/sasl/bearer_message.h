// The one message of a client that logs in with a token.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace posthouse::wire::sasl {

struct BearerMessage {
  std::string name;  // "" if the client does not say
  Secret token;
};

// OAUTHBEARER (RFC 7628 section 3.1): GS2 header, then key=value pairs, each with ^A behind it, and one more
// ^A. Nothing if it is malformed, has no "auth" or another scheme than Bearer, or is bound to a channel,
// which this mechanism can't be.
std::optional<BearerMessage> parse_oauthbearer(std::string_view message);

// XOAUTH2 (Google's and Microsoft's, never standardised): "user=" name ^A "auth=Bearer " token ^A ^A.
std::optional<BearerMessage> parse_xoauth2(std::string_view message);

}  // namespace posthouse::wire::sasl
