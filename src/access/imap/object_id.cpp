#include "access/imap/object_id.h"

#include "access/object_ids.h"

namespace posthouse::access::imap {

std::string mailbox_id(const Session& s, store::AccountId account, store::MailboxId mailbox) {
  if (account != s.account) return format_account_id(account) + format_mailbox_id(mailbox);
  return format_mailbox_id(mailbox);
}

std::string email_id(const store::Entry& entry) {
  return format_email_id(entry.email);
}

}  // namespace posthouse::access::imap
