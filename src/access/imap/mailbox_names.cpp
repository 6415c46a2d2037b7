// Names of mailboxes between client and store: modified UTF-7 for IMAP4rev1 (RFC 3501 section 5.1.3), UTF-8
// for who has enabled it (RFC 9051 section 5.1, RFC 6855 section 3).
#include "access/imap/commands.h"
#include "access/imap/sharing.h"
#include "message/unicode_text.h"
#include "wire/imap/encode.h"
#include "wire/imap/mailbox_name.h"

namespace posthouse::access::imap {

std::optional<std::string> mailbox_name(const Session& s, std::string_view as_sent) {
  auto name = wire::imap::read_mailbox_name(as_sent, s.utf8());
  if (!name || name->empty()) return std::nullopt;
  return name;
}

Task<std::optional<std::string>> known_mailbox(Session& s, std::string as_sent) {
  std::optional<std::string> name = mailbox_name(s, as_sent);
  if (!name || !s.utf8()) co_return name;
  std::string normal = message::normalize_nfc(*name);
  if (normal == *name) co_return name;
  // IMAP4rev1 clients, and files that others share, may have made it in the form in which it was sent.
  const Result<Located> there = co_await locate(s, *name);
  if (!there) name = std::move(normal);
  co_return name;
}

void append_mailbox(Session& s, std::string_view name) {
  wire::imap::append_mailbox(s.out, name, s.utf8());
}

}  // namespace posthouse::access::imap
