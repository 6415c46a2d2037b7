// Messages on their way from one account into another, in two steps of one transaction: mailboxes that are
// shared (store/rights.h).
#pragma once

#include <string>
#include <vector>

#include "store/mail_store_impl.h"

namespace posthouse::store {

// As the source's step found them.
struct Carried {
  std::vector<FlagRow> rows;
  std::vector<std::vector<std::string>> keywords;  // by name: each mailbox has numbers of its own
};

// The source's step: `temporary` when one of `messages` changed meanwhile.
Result<void> take_along(AccountEdit& edit, MailboxId from, const std::vector<Source>& messages,
                        Carried& carried);
// The target's step, behind it. `deliveries` name the references that it gets to their bodies.
Result<void> put_down(AccountEdit& edit, const MailStore::Target& to, const std::vector<Source>& messages,
                      const Carried& carried, const std::vector<uint64_t>& deliveries, const Quota& quota,
                      SystemTime saved, Copied& done);

}  // namespace posthouse::store
