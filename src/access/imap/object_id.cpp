#include "access/imap/object_id.h"

#include "base/id.h"

namespace posthouse::access::imap {

std::string mailbox_id(store::MailboxId mailbox) {
  return "F" + std::to_string(mailbox);
}

std::string email_id(const store::Entry& entry) {
  return "M" + format_id(entry.email);
}

}  // namespace posthouse::access::imap
