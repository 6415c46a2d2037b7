// The replies to connections, recipients and whole letters, the same for reception and submission.
#pragma once

#include <string_view>

#include "base/connection_counts.h"
#include "base/result.h"
#include "smtp/server.h"

namespace posthouse::smtp {

// Positive, or 421 with the limit that is reached.
Reply connection_reply(ConnectionCounts::Entry entry);

// "250 2.0.0 Ok: queued as ID".
Reply letter_accepted(std::string_view queue_id);

// What ended a letter after its last byte; as reply_for(), but knowing that `policy` there means a mail loop
// and how a full mailbox is to be told.
Reply letter_refused(const Fault& fault, bool full_is_permanent);

// 552 5.2.2, or 452 4.2.2: the sender may try again.
Reply mailbox_full(bool full_is_permanent);

// A recipient that could not be looked up: refused if it is known to lead to too much, else 451.
Reply recipient_fault(const Fault& fault);

Reply no_such_user();
Reply mailbox_disabled();
Reply relaying_denied();
Reply too_large();
Reply no_space();
Reply try_later();

}  // namespace posthouse::smtp
