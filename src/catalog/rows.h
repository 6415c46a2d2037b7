// The rows of the catalog (docs/formats/catalog.md). Each account has a partition of its own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "catalog/types.h"
#include "engine/engine.h"

namespace posthouse::catalog {

inline constexpr std::string_view kHeadKey = "H";

// What of a mailbox is in the catalog.
struct KnownMailbox {
  MailboxId id = 0;
  uint32_t uid_validity = 0;
  ModSeq modseq = 0;  // all up to here
};

struct Head {
  uint64_t epoch = 0;    // of this catalog: one that is made anew has another
  ModSeq through = 0;    // the last position
  ModSeq forgotten = 0;  // letters that went at this position or before are perhaps not known any more
  uint64_t tombstones = 0;
  std::vector<KnownMailbox> mailboxes;  // rising
};

struct EmailRow {
  ThreadId thread = 0;
  ModSeq created = 0, changed = 0;  // positions
  std::vector<Place> places;        // rising
};

// A letter's last change.
struct LogRow {
  bool destroyed = false;
  ModSeq created = 0;
  ThreadId thread = 0;
};

// A letter of a conversation, or one that was.
struct MemberRow {
  ModSeq created = 0;          // position
  ModSeq gone = 0;             // the same; 0: it is there
  std::vector<uint64_t> keys;  // of the rows that lead to the conversation because of this letter
};

struct MailboxRow {
  ModSeq created = 0;
  ModSeq changed = 0;  // in anything but its counts
  ModSeq counted = 0;  // in anything
  bool destroyed = false;
  uint64_t digest = 0;  // of what it is beside its counts
};

engine::Partition partition(AccountId account);
std::string email_key(EmailId email);
std::string place_key(Place place);
std::string places_prefix(MailboxId mailbox);
std::string log_key(ModSeq position, EmailId email);
std::string member_key(ThreadId thread, EmailId email);
std::string members_prefix(ThreadId thread);
std::string lead_key(uint64_t key);  // from a message id (and subject) to its conversation
std::string mailbox_key(MailboxId mailbox);
inline constexpr std::string_view kEmailPrefix = "E";
inline constexpr std::string_view kLogPrefix = "L";
inline constexpr std::string_view kMailboxPrefix = "B";
std::string behind(std::string prefix);  // the first key that does not begin so

struct LogPlace {
  ModSeq position = 0;
  EmailId email = 0;
};
EmailId email_of(std::string_view key);
LogPlace log_place_of(std::string_view key);
Place place_of(std::string_view key);
EmailId member_of(std::string_view key);
MailboxId mailbox_of(std::string_view key);

std::string encode(const Head& head);
std::string encode(const EmailRow& row);
std::string encode(const LogRow& row);
std::string encode(const MemberRow& row);
std::string encode(const MailboxRow& row);
std::string encode_number(uint64_t number);  // values of places and leads
Result<Head> decode_head(std::string_view record);
Result<EmailRow> decode_email(std::string_view record);
Result<LogRow> decode_log(std::string_view record);
Result<MemberRow> decode_member(std::string_view record);
Result<MailboxRow> decode_mailbox(std::string_view record);
Result<uint64_t> decode_number(std::string_view record);

}  // namespace posthouse::catalog
