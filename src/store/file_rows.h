// The rows that only accounts kept in files have (store/files.h):
//
//   "P"                          where the files are
//   "L" mailbox uid              where the message is in them: bytes that only its format knows
//   "T" mailbox                  how its files looked when all in them was in the index: bytes as those of
//   "L".
//                                Only a help; may be missing
//   "O" number                   outbox: something that is still to be done in the files, in this order
//
// A message's row (FlagRow) has no blob once its bytes are in a file.
#pragma once

#include "store/files.h"
#include "store/rows.h"

namespace posthouse::store {

struct EffectRow {
  enum class Kind : uint8_t { put = 1, flags, remove, make, rename, erase, subscribe, unsubscribe };
  Kind kind = Kind::put;
  MailboxId mailbox = 0;  // put, flags, remove
  Uid uid = 0;
  // put: kFromFile, or empty; remove: the location, behind kPerhaps if it may be nobody's; else the mailbox's
  // name (rename: the old one)
  std::string name;
  std::string to;  // rename: the new name; remove: the mailbox's name
  bool operator==(const EffectRow&) const = default;
};

// The blob was made of what the file gives back, so it may go again.
inline constexpr std::string_view kFromFile = "file";

// The message was expunged on its way into the files, so it may be there, or not, or another one in its
// place.
inline constexpr std::string_view kPerhaps = "?";

inline constexpr std::string_view kFilePlaceKey = "P";
inline constexpr std::string_view kLocationPrefix = "L";
inline constexpr std::string_view kEffectPrefix = "O";
inline constexpr std::string_view kSeenPrefix = "T";

std::string location_key(MailboxId mailbox, Uid uid);
std::string location_end(MailboxId mailbox, Uid last);
std::string effect_key(uint64_t number);
std::string seen_key(MailboxId mailbox);
uint64_t number_of_effect(std::string_view key);

std::string encode(const FilePlace& place);
std::string encode(const EffectRow& row);
std::string encode_location(std::string_view location);

// All fail with `corrupt`.
Result<FilePlace> decode_file_place(std::string_view record);
Result<EffectRow> decode_effect(std::string_view record);
Result<std::string> decode_location(std::string_view record);

}  // namespace posthouse::store
