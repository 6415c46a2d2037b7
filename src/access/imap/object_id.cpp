#include "access/imap/object_id.h"

#include "base/id.h"

namespace posthouse::access::imap {

std::string mailbox_id(const Session& s, store::AccountId account, store::MailboxId mailbox) {
  if (account != s.account) return "A" + std::to_string(account) + "F" + std::to_string(mailbox);
  return "F" + std::to_string(mailbox);
}

std::string email_id(const store::Entry& entry) {
  return "M" + format_id(entry.email);
}

}  // namespace posthouse::access::imap
