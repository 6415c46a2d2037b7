// What the access agents call mailboxes, letters and conversations: names for ever, the same in IMAP (RFC
// 8474) and JMAP (RFC 8621). The first letter keeps the kinds apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/types.h"

namespace posthouse::access {

std::string format_account_id(store::AccountId account);  // "A7"
std::string format_mailbox_id(store::MailboxId mailbox);  // "F3"
std::string format_email_id(uint64_t email);              // "M" and base/id.h's text
std::string format_thread_id(uint64_t thread);            // "T" and the same

// Nothing where it is no such name.
std::optional<store::MailboxId> parse_mailbox_id(std::string_view text);
std::optional<uint64_t> parse_email_id(std::string_view text);
std::optional<uint64_t> parse_thread_id(std::string_view text);

}  // namespace posthouse::access
