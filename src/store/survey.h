// What the rows of an account say, read as if none of them could be relied on: for an account that may have
// lost some (engine::Engine::lost).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/engine.h"
#include "store/expunged_row.h"
#include "store/pending_flags.h"
#include "store/rows.h"

namespace posthouse::store {

struct SeenMailbox {
  std::optional<MailboxRow> row;
  std::string name;  // that leads to it; "" when none does
  bool dying = false;
  Uid last = 0;  // the largest UID of any row
  ExpungedRow hidden;
  PendingFlags pending;
  uint32_t exists = 0, unseen = 0, deleted = 0;
  uint64_t bytes = 0;
  size_t keywords = 0;  // numbers below this are in use
  bool wanted() const { return !dying && (row || !name.empty() || exists > 0); }
};

struct Survey {
  HeadRow head;  // of an account that was never there when it is lost
  std::map<MailboxId, SeenMailbox> mailboxes;
  std::vector<std::string> names;
  ModSeq modseq = 0;  // the largest of all rows, as are these:
  MailboxId last_mailbox = 0;
  uint32_t uid_validity = 0;
  uint64_t last_effect = 0;  // of the outbox to the files
  bool has_head = false;
  bool in_files = false;  // as the head says; of one that is lost, what else leads to the files
  std::unordered_set<uint64_t> deliveries;  // of all messages: names of references to bodies
  uint64_t kept_messages = 0, kept_bytes = 0;
  std::vector<std::string> misleading;  // keys of rows that have to go: expunged messages that are there in
                                        // another row as well, hidden ones that can't be read
};

// Damaged rows are reported and left out.
Result<Survey> survey_account(const engine::Reader& reader, AccountId account);

// A row to put, or to erase.
struct Repair {
  std::string key;
  std::optional<std::string> value;
};

// Messages of which only one of the two rows is there: one whose body still knows it gets the other again,
// without flags or with its summary made anew; else it was removed, and its row has only come back.
// `deliveries` grows.
Result<std::vector<Repair>> find_half_messages(const engine::Reader& reader, AccountId account,
                                               MailboxId mailbox, std::unordered_set<uint64_t>& deliveries);

// Of an account in files: rows that make the next look into the files take letters for known that are not,
// and messages of which nobody knows any more where they are in the files. Without them that look finds both
// anew.
Result<std::vector<Repair>> find_strays(const engine::Reader& reader, AccountId account, MailboxId mailbox);

}  // namespace posthouse::store
