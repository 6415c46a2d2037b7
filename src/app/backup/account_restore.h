// Putting back what is missing in one account, while it is in use.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/backup/opened.h"
#include "app/control/admin.h"

namespace posthouse::app::backup {

struct Selection {
  std::string account;            // address
  std::string mailbox;            // "": all
  std::string message_id;         // with or without its brackets; "": any
  std::optional<store::Uid> uid;  // of the mailbox, in the backup
  std::string into;               // "": where it was
};

struct MailboxOutcome {
  std::string mailbox;
  uint64_t in_backup = 0;  // of those that were asked for
  uint64_t there = 0;      // still, here or elsewhere in the account
  uint64_t missing = 0;    // restored, or with `check` what would be
  uint64_t sampled = 0;    // bodies read by `check`
  uint64_t left_out = 0;   // were in a Maildir or an mbox, and could not be had for the backup
};

struct AccountOutcome {
  bool made_account = false;
  std::vector<MailboxOutcome> mailboxes;
  std::vector<std::string> damaged;  // letters that can't be read from the backup, a line each
  std::vector<std::string> lost;     // those whose bodies the store had lost before
};

// A letter is there when the account has one with the same delivery, or one that came into being since the
// backup with the same body: of a move or copy (it shares the body) or of an earlier restore (the same size,
// date and checksum). Each of those stands for one letter of the backup. So repeating it doubles nothing, and
// an interrupted one goes on. `check`: nothing is changed; else the account is held meanwhile (Admin::hold).
// Progress in letters.
Result<AccountOutcome> restore_account(Opened& backup, const Catalog& catalog, control::Admin& admin,
                                       const Selection& what, bool check, const Progress& progress);

}  // namespace posthouse::app::backup
