// Names that mailboxes and messages have for ever (RFC 8474). The first letter keeps the kinds apart.
#pragma once

#include <string>

#include "access/imap/state.h"
#include "store/types.h"

namespace posthouse::access::imap {

// Kept by RENAME, and never given to another mailbox. Of another account's it has the account in it.
std::string mailbox_id(const Session& s, store::AccountId account, store::MailboxId mailbox);
// Copies and moves take it along.
std::string email_id(const store::Entry& entry);

}  // namespace posthouse::access::imap
