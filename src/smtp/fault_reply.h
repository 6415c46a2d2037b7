// The one place where faults become SMTP replies.
#pragma once

#include "base/result.h"
#include "smtp/server.h"

namespace posthouse::smtp {

// The reply to a command or letter that `fault` ended. Says nothing of the fault's text, which is for
// operators.
Reply reply_for(const Fault& fault);

}  // namespace posthouse::smtp
