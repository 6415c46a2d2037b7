#include "smtp/letter_reply.h"

#include "smtp/fault_reply.h"

namespace posthouse::smtp {

Reply connection_reply(ConnectionCounts::Entry entry) {
  switch (entry) {
    case ConnectionCounts::Entry::too_many:
      return {421, "4.3.2", "Too many connections, try again later"};
    case ConnectionCounts::Entry::too_many_of_network:
      return {421, "4.7.0", "Too many connections from your network, try again later"};
    case ConnectionCounts::Entry::taken:
      break;
  }
  return {220, "", ""};
}

Reply letter_accepted(std::string_view queue_id) {
  return {250, "2.0.0", fmt::format("Ok: queued as {}", queue_id)};
}

Reply letter_refused(const Fault& fault, bool full_is_permanent) {
  if (fault.kind == FaultKind::policy) return {554, "5.4.6", "Error: too many hops, mail loop?"};
  if (fault.kind == FaultKind::over_quota) return mailbox_full(full_is_permanent);
  return reply_for(fault);
}

Reply mailbox_full(bool full_is_permanent) {
  if (full_is_permanent) return {552, "5.2.2", "Error: mailbox full"};
  return {452, "4.2.2", "Error: mailbox full, try again later"};
}

Reply recipient_fault(const Fault& fault) {
  if (fault.kind != FaultKind::permanent) return try_later();
  return {550, "5.4.6", "Error: " + fault.what};
}

Reply no_such_user() {
  return {550, "5.1.1", "Error: no such user here"};
}
Reply mailbox_disabled() {
  return {550, "5.2.1", "Error: mailbox disabled"};
}
Reply relaying_denied() {
  return {550, "5.7.1", "Relaying denied"};
}
Reply too_large() {
  return {552, "5.3.4", "Error: message too large"};
}
Reply no_space() {
  return {452, "4.3.1", "Error: insufficient system storage, try again later"};
}
Reply try_later() {
  return {451, "4.3.0", "Error: local problem, try again later"};
}

}  // namespace posthouse::smtp
