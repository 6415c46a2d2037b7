// Mailboxes that the session may reach: its own, and those that other accounts share with it (RFC 4314), in
// the namespaces of other users and of shared accounts (RFC 2342):
//
//   Other Users/ADDRESS/MAILBOX      Shared Folders/ADDRESS/MAILBOX
//
// Names here are in UTF-8. A mailbox that somebody has no right to is as one that does not exist, by the same
// road: mailboxes of accounts that share nothing with the session's are never looked at. A name leads to its
// account, so that it makes no difference how many accounts there are and how many share something.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap/located.h"
#include "access/imap/state.h"
#include "store/rights.h"

namespace posthouse::access::imap {

inline constexpr std::string_view kOtherUsers = "Other Users";
inline constexpr std::string_view kSharedFolders = "Shared Folders";

// What a command needs.
struct Need {
  store::Rights all = 0;
  store::Rights any = store::kAllRights;  // at least one of these
};
inline bool satisfies(store::Rights rights, const Need& need) {
  return (rights & need.all) == need.all && (rights & need.any) != 0;
}

// In or below one of the two namespaces. A mailbox of the session's own may have such a name (it is older, or
// came from files), and is then the one that is meant.
bool is_shared_name(std::string_view name);
// Such a name that no mailbox of the session's own has.
Task<bool> names_others(Session& s, std::string name);

// `not_found`: there is none, or no right to it.
Task<Result<Located>> locate(Session& s, std::string name);
Located own_mailbox(const Session& s, store::MailboxInfo info);

// The mailbox, or why it can't be had: NONEXISTENT (or `missing`), or NOPERM if it may at least be looked up.
struct Reached {
  std::optional<Reply> refusal;
  Located mailbox;
};
Task<Reached> reach(Session& s, std::string name, Need need, std::string missing);
Task<Reached> reach(Session& s, std::string name, Need need);
Reply no_such_mailbox(std::string code);
Reply no_right();

// All that LIST may tell of: the session's own (sorted by name, INBOX first) and then the others with "l".
// `wanted`: whether names that begin so ("Other Users/", "Other Users/ann@example.org/") are asked for at
// all; accounts whose are not are not looked at, or not further.
using WantedPrefix = std::function<bool(std::string_view prefix)>;
Task<Result<std::vector<Located>>> visible_mailboxes(Session& s, WantedPrefix wanted);
Task<Result<std::vector<Located>>> visible_mailboxes(Session& s);
// For one name, and the level that it is.
WantedPrefix around(std::string name);

// Where a mailbox may be made.
struct NewPlace {
  std::optional<Reply> refusal;
  store::AccountId account = 0;
  std::string prefix, local_name;
};
Task<NewPlace> place_for(Session& s, std::string name);

// Which flags these rights allow to be changed, or brought along (section 4).
store::FlagMask mask_of(store::Rights rights);
store::FlagSet masked(store::FlagSet flags, const store::FlagMask& mask);
bool is_read_only(store::Rights rights);  // section 5.2

// Looks again what the session may do with the selected mailbox of another account, and tells what changed.
// Throws SessionEnd when it may not read it any more (section 5.1.1), or it was deleted.
Task<void> refresh_rights(Session& s);

}  // namespace posthouse::access::imap
