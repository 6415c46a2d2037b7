// Rows that cannot be read: told once, counted, and passed over.
#pragma once

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

void report_damage(const Fault& fault, AccountId account, MailboxId mailbox, Uid uid);

}  // namespace posthouse::store
