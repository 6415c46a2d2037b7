// Who may do what with a mailbox (RFC 4314). The owner may everything, and has no row. Rows in the owner's
// partition, each entry under two keys:
//
//   "I" mailbox account          what the account was given, and what it is denied; account 0 is everybody
//   "J" account mailbox          the same record: what one account has of this owner
//
// and in the partition that all accounts share (kStoreSystemId), so that nobody has to look through all
// accounts for what was given to one:
//
//   "H" account owner            the owner has "J" rows for the account
//
// docs/formats/database.md describes the records. Accounts are named by their numbers, which are never used
// again: an account that is made anew under an old address has nothing of what the old one was given.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::store {

// RFC 4314 section 2.1.
using Rights = uint16_t;
enum Right : Rights {
  kMayLookUp = 1,            // l
  kMayRead = 2,              // r
  kMaySetSeen = 4,           // s
  kMayWrite = 8,             // w
  kMayInsert = 16,           // i
  kMayPost = 32,             // p
  kMayCreate = 64,           // k
  kMayDeleteMailbox = 128,   // x
  kMayDeleteMessages = 256,  // t
  kMayExpunge = 512,         // e
  kMayAdminister = 1024,     // a
};
inline constexpr Rights kAllRights = 2047;

inline constexpr AccountId kAnyone = 0;

// By their letters; `virtual_too`: with "c" and "d" of RFC 2086 where one of their members is there (section
// 2.1.1; here c is kx, and d is te).
std::string rights_text(Rights rights, bool virtual_too);
// "c" and "d" stand for their members. Nothing if a letter is no right.
std::optional<Rights> parse_rights(std::string_view letters);

struct RightsEntry {
  AccountId who = kAnyone;
  Rights granted = 0;
  Rights denied = 0;  // also where another entry grants it
  bool operator==(const RightsEntry&) const = default;
};

enum class RightsChange : uint8_t { set, add, remove };

std::string rights_key(MailboxId mailbox, AccountId who);
std::string rights_begin(MailboxId mailbox);  // the range of all entries of a mailbox
std::string rights_end(MailboxId mailbox);
std::string given_key(AccountId who, MailboxId mailbox);
std::string given_begin(AccountId who);  // the range of all that an account has of the owner
std::string given_end(AccountId who);
std::string share_key(AccountId who, AccountId owner);
std::string shares_begin(AccountId who);
std::string shares_end(AccountId who);
inline constexpr std::string_view kRightsPrefix = "I";
inline constexpr std::string_view kGivenPrefix = "J";
inline constexpr std::string_view kSharePrefix = "H";
AccountId who_of_rights(std::string_view key);     // of an "I" row
AccountId who_of_given(std::string_view key);      // of a "J" row
MailboxId mailbox_of_given(std::string_view key);  // of a "J" row
AccountId who_of_share(std::string_view key);      // of an "H" row
AccountId owner_of_share(std::string_view key);    // of an "H" row

// Without `who`, which is in the key.
std::string encode(const RightsEntry& entry);
Result<RightsEntry> decode_rights(AccountId who, std::string_view record);  // corrupt

// What an account has by these entries: those of itself and of everybody (`anyone`, if it is one of those).
Rights combine(const RightsEntry& own, const RightsEntry& anyone);

// ---- inside a transaction step
// Of whom the owner has "J" rows now that had none, and the other way round: the "H" rows are to follow.
struct SharesChanged {
  std::vector<AccountId> begun, ended;
};
// The entry as it is; one without anything if there is none.
Result<RightsEntry> find_rights(const engine::Transaction& rows, MailboxId mailbox, AccountId who);
// Puts it, or takes it away where nothing is left in it. `over_quota`: the mailbox has too many.
Result<void> put_rights(engine::Transaction& rows, MailboxId mailbox, const RightsEntry& entry,
                        SharesChanged& changed);
// Takes all of a mailbox away.
Result<void> erase_rights(engine::Transaction& rows, MailboxId mailbox, SharesChanged& changed);
// Takes away all that an account has.
Result<void> erase_given(engine::Transaction& rows, AccountId who);
// A new mailbox has what its superior has (section 4).
Result<void> inherit_rights(engine::Transaction& rows, MailboxId from, MailboxId to);
// Makes both kinds of rows agree, and takes those away whose mailbox `wanted` does not know or that can't be
// read.
Result<void> settle_rights(engine::Transaction& rows, const std::function<bool(MailboxId)>& wanted);
// In the shared partition.
void follow_shares(engine::Transaction& rows, AccountId owner, const SharesChanged& changed);

}  // namespace posthouse::store
