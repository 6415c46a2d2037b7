#include "wire/sasl/failed_login.h"

#include "base/log.h"
#include "wire/sasl/limits.h"

namespace posthouse::wire::sasl {

void log_failed_login(const Channel& channel, std::string_view name, const Fault& fault) {
  const bool refused = fault.kind == FaultKind::policy || fault.kind == FaultKind::permanent;
  // What a stranger has a hand in stands last: no name can put another address before its own.
  log::info(refused ? "auth.failed" : "auth.put_off", {{"sid", channel.session_id},
                                                       {"peer", channel.peer.to_string()},
                                                       {"protocol", channel.protocol},
                                                       {"user", name.substr(0, kNameInLog)},
                                                       {"reason", fault.what}});
}

}  // namespace posthouse::wire::sasl
