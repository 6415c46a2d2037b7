// A mailbox that a session may reach, and what it may do there (access/imap/sharing.h).
#pragma once

#include <string>

#include "store/rights.h"
#include "store/types.h"

namespace posthouse::access::imap {

struct Located {
  store::AccountId account = 0;  // whose it is
  std::string prefix;            // of the account's names, as the client knows them; "": its own
  bool as_anyone = false;        // what the owner gave to everybody counts
  store::Rights rights = 0;
  store::MailboxInfo info;  // its name with the prefix
  std::string local_name() const { return info.name.substr(prefix.size()); }
};

}  // namespace posthouse::access::imap
