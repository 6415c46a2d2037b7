// The client's first message of SCRAM (RFC 5802 section 7), as far as the server must know it before it can
// look up the user's keys. The rest of the mechanism is GNU SASL's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace posthouse::wire::sasl {

struct ClientFirst {
  char binding_flag = 'n';   // 'n', 'y' or 'p'
  std::string binding_name;  // with 'p'
  std::string authzid;       // "" if none
  std::string name;
};

// Nothing if it is malformed: bad gs2 header, "m=" extension, "=" that is neither =2C nor =3D, no "n=".
std::optional<ClientFirst> parse_client_first(std::string_view message);

// The GS2 header of a mechanism that can't be bound to a channel, with its last comma (RFC 5801 section 4):
// "n,a=name,". The authorization identity, "" if none; nothing if it is malformed or wants to be bound.
std::optional<std::string> parse_gs2_header(std::string_view header);

}  // namespace posthouse::wire::sasl
