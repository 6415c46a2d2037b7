// Names that mailboxes and messages have for ever (RFC 8474). The first letter keeps the kinds apart.
#pragma once

#include <string>

#include "store/types.h"

namespace posthouse::access::imap {

// Kept by RENAME, and never given to another mailbox.
std::string mailbox_id(store::MailboxId mailbox);
// Copies and moves take it along.
std::string email_id(const store::Entry& entry);

}  // namespace posthouse::access::imap
