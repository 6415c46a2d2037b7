// The mailboxes that an ESEARCH names (RFC 7377 section 2.2).
#pragma once

#include <optional>
#include <vector>

#include "access/imap/sharing.h"
#include "access/imap/state.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// Each once, in no order that clients may rely on; none: the selected one. Those that are not there, or to
// which the session has no right (section 2.2), are left out without a word. What is selected need not be in
// state selected here: there is none then.
struct SearchSources {
  std::optional<Reply> refusal;
  std::vector<Located> mailboxes;
};
Task<SearchSources> find_sources(Session& s, const std::vector<wire::imap::MailboxFilter>& filters);

}  // namespace posthouse::access::imap
