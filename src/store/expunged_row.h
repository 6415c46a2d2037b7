// EXPUNGE of many messages in one row ("E" mailbox): they are gone for everybody at once, and their own rows
// are removed later, some at a time (MailStore::finish_expunges).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/types.h"

namespace posthouse::store {

struct ExpungedRow {
  // What one EXPUNGE took. Parts have no UID in common.
  struct Part {
    SystemTime when{};
    bool keep = false;  // they may come back, as expunged then
    UidList uids;
  };
  std::vector<Part> parts;

  bool empty() const { return parts.empty(); }
  bool contains(Uid uid) const;
  size_t runs() const;  // UIDs without a gap, which is what a row costs
  // Takes those out that are in it; parts that are empty then go.
  void remove(const std::vector<Uid>& rising);
};

inline constexpr std::string_view kExpungedPrefix = "E";
std::string expunged_key(MailboxId mailbox);
std::string encode(const ExpungedRow& row);
Result<ExpungedRow> decode_expunged(std::string_view record);  // corrupt
// Of a row as it was read: none is an empty one, and so is a damaged one, which is reported.
Result<ExpungedRow> expunged_or_none(const Result<std::optional<std::string>>& record, AccountId account,
                                     MailboxId mailbox);

}  // namespace posthouse::store
