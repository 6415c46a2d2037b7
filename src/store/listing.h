// Which messages a large mailbox has, so that opening it need not read a row of each.
//
// A listing is true as of its MODSEQ; what happened since is in the log of changes. So it can be as old as it
// likes, and it is only a help: one that does not fit what is there is made anew from the rows.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "store/account_view.h"
#include "store/types.h"

namespace posthouse::store {

struct Listing {
  uint32_t uid_validity = 0;
  ModSeq modseq = 0;  // of the mailbox, when it was so
  UidList uids;
  Uid first_unseen = 0;  // 0: all are seen
};

// The row "U" mailbox (store/rows.h).
std::string encode(const Listing& listing);
Result<Listing> decode_listing(std::string_view record);  // corrupt

// Reads a row of each message.
Result<Listing> list_messages(const AccountView& view, const MailboxInfo& info);
// `old` brought up to what `view` has. not_found when it can't be: too old, another UIDVALIDITY, or it does
// not fit. `changes` is how many messages differed.
Result<Listing> refresh(const AccountView& view, const MailboxInfo& info, const Listing& old,
                        size_t& changes);

}  // namespace posthouse::store
