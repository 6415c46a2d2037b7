#include "base/result.h"

namespace posthouse {

const char* to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::syntax:
      return "syntax";
    case FaultKind::policy:
      return "policy";
    case FaultKind::not_found:
      return "not_found";
    case FaultKind::exists:
      return "exists";
    case FaultKind::temporary:
      return "temporary";
    case FaultKind::permanent:
      return "permanent";
    case FaultKind::over_quota:
      return "over_quota";
    case FaultKind::no_space:
      return "no_space";
    case FaultKind::io:
      return "io";
    case FaultKind::closed:
      return "closed";
    case FaultKind::timeout:
      return "timeout";
    case FaultKind::corrupt:
      return "corrupt";
  }
  return "unknown";
}

}  // namespace posthouse
