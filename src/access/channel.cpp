#include "access/channel.h"

namespace posthouse::access {

wire::sasl::Channel channel_of(const net::Stream& stream, bool allow_plain_without_tls, const char* protocol,
                               const std::string& session_id,
                               const wire::sasl::Authenticator& authenticator) {
  const net::TlsInfo& tls = stream.tls();
  wire::sasl::Channel out;
  out.tls = tls.active;
  out.allow_plain_without_tls = allow_plain_without_tls;
  out.binding_type = tls.channel_binding_type;
  out.binding = tls.channel_binding;
  out.end_point = tls.server_end_point;
  out.peer = stream.peer().ip;
  out.protocol = protocol;
  out.session_id = session_id;
  out.tokens = authenticator.tokens();
  return out;
}

}  // namespace posthouse::access
