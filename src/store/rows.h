// The rows of an account's partition: their keys and their records.
//
//   "A"                          head: counters of the whole account
//   "M" mailbox                  a mailbox
//   "N" name                     its id
//   "K" mailbox                  its keywords; a keyword's number is its place in the list
//   "U" mailbox                  which messages it had at some MODSEQ (store/listing.h); only a help, may be
//   missing "F" mailbox uid              a message: flags, MODSEQ and what listings want. Rewritten by STORE
//   "R" mailbox uid              the same message's immutable part with its summary. Written once
//   "C" mailbox modseq uid       changed or expunged with that MODSEQ, one message or more
//   (store/change_rows.h); none for a message not changed since it came
//   "E" mailbox                  expunged messages whose rows are still there (store/expunged_row.h)
//   "Q" mailbox                  flags that are not in the rows of their messages yet (store/pending_flags.h)
//   "B" mailbox name             an annotation (store/annotations.h)
//   "I" mailbox account          the rights of another account (store/rights.h), and
//   "J" account mailbox          the same, by account
//   "D" mailbox                  a deleted mailbox whose messages are being removed
//   "S" name                     a subscription
//   "X" time mailbox uid         an expunged message that may come back, all of it in one row
//
// Numbers in keys are big-endian: mailbox and uid 4 bytes, modseq and time (milliseconds since 1970) 8.
//
// Rows of the partition that all accounts share (kStoreSystemId) are theirs as well:
//
//   "G" group                    what the accounts of a group (a domain) have together
//   "H" account owner            the owner shares mailboxes with the account (store/rights.h)
//
// docs/formats/database.md describes every record, and how a field is added to one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "store/types.h"

namespace posthouse::store {

struct HeadRow {
  ModSeq modseq = 0;  // the last one given
  MailboxId next_mailbox = 1;
  uint32_t last_uid_validity = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint32_t mailboxes = 0;
  uint64_t kept_messages = 0;  // expunged ones that may come back; not in `messages` and `bytes`
  uint64_t kept_bytes = 0;
  std::string group;  // whose count it goes into as well; "" for none
  // Of an account kept in files only (store/files.h):
  bool in_files = false;
  // It is on its way there (MailStore::convert): what comes meanwhile gets no row in the outbox, but waits
  // behind what was there before.
  bool entering = false;
  uint64_t next_effect = 1;  // number of the next row of the outbox
};

// MailboxInfo without what other rows know (subscribed).
using MailboxRow = MailboxInfo;

struct FlagRow {
  ModSeq modseq = 0;              // of the last change
  ModSeq created = 0;             // when it came into this mailbox; rises with the UID
  uint8_t system = 0;             // bits of Flag
  std::vector<uint8_t> keywords;  // numbers, rising
  uint64_t size = 0;
  SystemTime internal_date{};
  engine::BlobId blob = 0;  // 0: the bytes are in a file (store/file_rows.h)
  uint64_t delivery = 0;    // names the reference to the blob
  // Since version 2:
  SystemTime saved{};  // when it came into this mailbox (RFC 8514); 0: not known
  uint64_t email = 0;  // names its bytes for ever, whereto it is copied or moved (RFC 8474)
  // Since version 3:
  bool shares = false;  // the last change is in a row of the log with others (store/change_rows.h)
};

struct MessageRow {
  engine::BlobId blob = 0;
  uint64_t size = 0;
  SystemTime internal_date{};
  std::string_view summary;  // points into the record
};

struct KeptRow {
  std::string mailbox;  // its name when the message went
  uint8_t system = 0;   // bits of Flag
  std::vector<std::string> keywords;
  SystemTime internal_date{};
  uint64_t size = 0;
  engine::BlobId blob = 0;
  uint64_t delivery = 0;     // names the reference to the blob, which stays
  std::string_view summary;  // points into the record
  uint64_t email = 0;        // as FlagRow has it
};

// What a mailbox that is going leaves behind for its messages.
struct DyingRow {
  std::string name;   // "": its messages are not kept
  SystemTime when{};  // of the deletion
};

struct GroupRow {
  uint64_t messages = 0;
  uint64_t bytes = 0;
};

constexpr engine::Partition account_partition(AccountId account) {
  return {engine::PartitionKind::account, account};
}

inline constexpr std::string_view kHeadKey = "A";
inline constexpr std::string_view kMailboxPrefix = "M";
inline constexpr std::string_view kNamePrefix = "N";
inline constexpr std::string_view kSubscriptionPrefix = "S";
inline constexpr std::string_view kFlagsPrefix = "F";
inline constexpr std::string_view kChangePrefix = "C";
inline constexpr std::string_view kDyingPrefix = "D";
inline constexpr std::string_view kKeptPrefix = "X";
inline constexpr std::string_view kGroupPrefix = "G";

std::string mailbox_key(MailboxId mailbox);
std::string name_key(std::string_view name);
std::string keywords_key(MailboxId mailbox);
std::string flags_key(MailboxId mailbox, Uid uid);
std::string message_key(MailboxId mailbox, Uid uid);
std::string change_key(MailboxId mailbox, ModSeq modseq, Uid uid);
std::string dying_key(MailboxId mailbox);
std::string listing_key(MailboxId mailbox);
std::string subscription_key(std::string_view name);
std::string kept_key(const KeptPlace& place);
std::string group_key(std::string_view group);
// The first key behind all that begin with `prefix`; it must not end in 0xff bytes only.
std::string prefix_end(std::string prefix);
// Ends of ranges over UIDs, which may be the largest.
std::string flags_end(MailboxId mailbox, Uid last);
std::string message_end(MailboxId mailbox, Uid last);
Uid uid_of_key(std::string_view key);            // of F, R and C rows
MailboxId mailbox_of_key(std::string_view key);  // of M, F, R, C and D rows
ModSeq modseq_of_key(std::string_view key);      // of C rows
KeptPlace kept_place(std::string_view key);      // of X rows

std::string encode(const HeadRow& row);
std::string encode(const MailboxRow& row);
std::string encode(const FlagRow& row);
std::string encode(const MessageRow& row);
std::string encode(const KeptRow& row);
std::string encode(const DyingRow& row);
std::string encode(const GroupRow& row);
std::string encode_keywords(const std::vector<std::string>& names);
std::string encode_mailbox_id(MailboxId mailbox);
const std::string& empty_record();

// All fail with `corrupt`.
Result<HeadRow> decode_head(std::string_view record);
Result<MailboxRow> decode_mailbox(MailboxId id, std::string_view record);
Result<FlagRow> decode_flags(std::string_view record);
Result<MessageRow> decode_message(std::string_view record);
Result<KeptRow> decode_kept(std::string_view record);
Result<DyingRow> decode_dying(std::string_view record);
Result<GroupRow> decode_group(std::string_view record);
Result<std::vector<std::string>> decode_keywords(std::string_view record);
Result<MailboxId> decode_mailbox_id(std::string_view record);
Result<void> decode_empty(std::string_view record);

}  // namespace posthouse::store
