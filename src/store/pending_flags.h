// STORE of many messages in one row ("Q" mailbox): they have their new flags for everybody at once, and their
// own rows are rewritten later, some at a time (MailStore::finish_expunges).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/rows.h"
#include "store/types.h"

namespace posthouse::store {

// What a STORE does with the flags of a message.
struct FlagsEdit {
  uint8_t clear = 0;  // bits of Flag; before `add`
  uint8_t add = 0;
  bool clear_keywords = false;   // all of them
  std::vector<uint8_t> without;  // keywords by number, rising; before `with`
  std::vector<uint8_t> with;

  uint8_t flags(uint8_t before) const { return static_cast<uint8_t>((before & ~clear) | add); }
  std::vector<uint8_t> keywords(const std::vector<uint8_t>& before) const;
  bool of_keywords() const { return clear_keywords || !without.empty() || !with.empty(); }
  // This one, and then `next`.
  FlagsEdit then(const FlagsEdit& next) const;
};

struct PendingFlags {
  struct Part {
    ModSeq modseq = 0;
    FlagsEdit edit;
    UidList uids;  // those that it changed
  };
  std::vector<Part> parts;  // rising by MODSEQ

  bool empty() const { return parts.empty(); }
  // Gives a message's row, as it was read, the flags that the message has. A row that was written since has
  // them.
  void apply(Uid uid, FlagRow& row) const;
  // `follows`: all its messages were changed last by what is the last part now. False, and nothing is done:
  // it would be too much for a row.
  bool add(Part part, bool follows);
  // Takes those out that are in it, as their rows are written; parts that are empty then go.
  void remove(const std::vector<Uid>& rising);
};

inline constexpr std::string_view kPendingPrefix = "Q";
std::string pending_key(MailboxId mailbox);
std::string encode(const PendingFlags& row);
Result<PendingFlags> decode_pending(std::string_view record);  // corrupt
// Of a row as it was read: none is an empty one, and so is a damaged one, which is reported.
Result<PendingFlags> pending_or_none(const Result<std::optional<std::string>>& record, AccountId account,
                                     MailboxId mailbox);

}  // namespace posthouse::store
