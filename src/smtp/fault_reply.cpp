#include "smtp/fault_reply.h"

namespace posthouse::smtp {

Reply reply_for(const Fault& fault) {
  switch (fault.kind) {
    case FaultKind::syntax:
      return {554, "5.6.0", "Error: message content not acceptable"};
    case FaultKind::policy:
      return {554, "5.7.1", "Error: refused by policy"};
    case FaultKind::not_found:
      return {550, "5.1.1", "Error: no such mailbox here"};
    case FaultKind::over_quota:
      return {552, "5.2.2", "Error: mailbox full"};
    case FaultKind::no_space:
      return {452, "4.3.1", "Error: insufficient system storage"};
    case FaultKind::exists:
    case FaultKind::permanent:
      return {554, "5.0.0", "Error: transaction failed"};
    case FaultKind::temporary:
    case FaultKind::io:
    case FaultKind::closed:
    case FaultKind::timeout:
    case FaultKind::corrupt:
      break;
  }
  return {451, "4.3.0", "Error: local problem, try again later"};
}

}  // namespace posthouse::smtp
