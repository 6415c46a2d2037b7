// One account inside a transaction step: loads the rows it needs, keeps the counters right, writes each row
// once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "store/change_log.h"
#include "store/expunged_row.h"
#include "store/file_rows.h"
#include "store/files.h"
#include "store/flag_sheet.h"
#include "store/keywords.h"
#include "store/pending_flags.h"
#include "store/rights.h"
#include "store/rows.h"

namespace posthouse::store {

// The UIDVALIDITY that a mailbox made now gets, unless that or a later one was given already.
uint32_t validity_by_clock(SystemTime now);

// Leads the purge to an account with kept messages.
std::string kept_hint(AccountId account);

// Lives as long as the step. Pointers it gives stay valid as long as it does. Nothing is written for counters
// until save(); messages are written at once.
class AccountEdit {
 public:
  AccountEdit(engine::Transaction& rows, AccountId account) : rows_(rows), account_(account) {}

  // First call. `not_found` when there is no such account.
  Result<void> load();
  // First call instead of load(): an account that does not exist yet.
  void begin_new() { head_ = HeadRow(); }
  HeadRow& head() { return head_; }

  // The MODSEQ of all changes made here; taken on first use.
  ModSeq modseq();

  Result<std::optional<MailboxId>> find(std::string_view checked_name) const;
  Result<MailboxRow*> mailbox(MailboxId id);                         // not_found
  Result<MailboxRow*> mailbox_named(std::string_view checked_name);  // not_found
  // With its superiors. `exists` for the name or the role.
  Result<MailboxRow*> create(std::string_view checked_name, Role role, SystemTime now);
  // If its name was subscribed the new one is, too.
  Result<void> rename(MailboxRow& row, std::string_view checked_name);
  Result<void> copy_subscription(std::string_view from, std::string_view to);
  // Its special use from now on. Who had it loses it, and is given back. `policy` where it is INBOX.
  Result<std::optional<MailboxId>> give_role(MailboxRow& row, Role role);
  // Its messages are left to a purge (the "D" row); `keep`: which keeps them as expunged now.
  Result<void> forget(MailboxRow& row, bool keep, SystemTime now);
  Result<KeywordTable*> keywords(MailboxId id);

  // One entry of the mailbox's rights, as the change leaves it (store/rights.h). `denied`: of what the entry
  // denies.
  Result<void> change_rights(MailboxId mailbox, AccountId who, bool denied, RightsChange change,
                             Rights rights);
  Result<void> erase_rights_of(MailboxId mailbox);
  // What the shared partition is to be told of: add_counted_edit() does it.
  const SharesChanged& shares_changed() const { return shares_; }

  // A damaged row is reported and passes for a missing one.
  Result<std::optional<FlagRow>> message(MailboxId mailbox, Uid uid) const;
  // Those of the UIDs that are there, with one scan where that is faster.
  using Message = std::pair<Uid, FlagRow>;
  Result<std::vector<Message>> messages(MailboxId mailbox, const std::vector<Uid>& rising) const;
  // Gives it a UID and MODSEQs, and a name of its own if it has none (a copy has one); `row` brings the rest.
  // `permanent` when the UIDs are used up.
  Result<Uid> place(MailboxRow& mailbox, FlagRow row, std::string_view message_record, SystemTime now);
  Result<void> change(MailboxRow& mailbox, Uid uid, const FlagRow& before, FlagRow after);
  // The same for many, table by table, so that rows come in the order they are stored in.
  struct FlagsChange {
    Uid uid = 0;
    FlagRow before;
    FlagRow after;  // its MODSEQ is set here
  };
  Result<void> change(MailboxRow& mailbox, std::vector<FlagsChange>& rising);
  // The same in one row, behind which the messages' own are written by settle_flags(). `before` and `after`
  // rise; of `after` the flags count. False, and nothing is done: that would be too much for one row.
  struct FlagMarks {
    std::vector<FlagSheet::Mark> before;
    std::vector<uint8_t> system;  // what becomes of each
  };
  Result<bool> change_behind(MailboxRow& mailbox, const FlagMarks& marks, const FlagsEdit& edit);
  // Writes the rows of those of `uids` that are there.
  Result<void> settle_flags(MailboxId mailbox, const std::vector<Uid>& rising);
  Result<void> remove(MailboxRow& mailbox, Uid uid, const FlagRow& row);
  Result<void> remove(MailboxRow& mailbox, const std::vector<Message>& rising);
  // The same, but their rows stay for finish() (store/expunged_row.h). False, and nothing is done: they are
  // too scattered.
  Result<bool> hide(MailboxRow& mailbox, const std::vector<Message>& rising, SystemTime now, bool keep);
  // message() and messages() find hidden ones, too.
  void show_hidden() { shows_hidden_ = true; }
  Result<ExpungedRow*> hidden(MailboxId mailbox) const;
  Result<PendingFlags*> pending(MailboxId mailbox) const;
  // Removes the rows of `uids`, hidden ones all, whether they have any or not.
  Result<void> finish(MailboxRow& mailbox, const std::vector<Uid>& rising);
  // Writes down that the message, which is about to go, may come back. `mailbox_name` and `table` are those
  // of the mailbox, which may be dying; `summary` is that of the message's record, "" if it can't be read.
  // One whose body is not a blob of ours is not kept.
  void keep(const KeptPlace& place, const std::string& mailbox_name, const KeywordTable& table,
            const FlagRow& row, std::string_view summary);
  void hint_kept() { rows_.hint(kept_hint(account_)); }
  // Nothing of the message is left but what keep() wrote; for one of a dying mailbox.
  void erase_message(MailboxId mailbox, Uid uid);
  // Takes a kept message out again, for good or to be placed. nullopt: it is not there any more. A damaged
  // one is reported, goes, and passes for a missing one. The summary in the row points into `record`.
  Result<std::optional<KeptRow>> take_kept(const KeptPlace& place, std::string& record);
  // Takes expunges out of the log of changes; they rise. Repeatable.
  Result<void> forget_expunges(MailboxRow& mailbox, std::vector<Change> expunges);

  // ---- accounts kept in files (store/files.h)
  // What follows was found in the files: nothing of it goes to the outbox.
  void follow_files(bool follow = true) { follows_files_ = follow; }
  void effect(const EffectRow& row);
  // Where messages will be that are removed here and are not in the files yet: somebody may be putting them
  // there just now. Then the removal of one that is not in the files, nor among these, is `temporary`: the
  // account became one of files meanwhile. As long as this.
  void expect_at(const PlacesToBe& places) { expected_ = &places; }
  Result<std::optional<std::string>> location(MailboxId mailbox, Uid uid) const;
  void put_location(MailboxId mailbox, Uid uid, std::string_view location);
  // A change of flags that was found in the files. Keywords that no longer fit are left away.
  Result<void> take_flags(MailboxId mailbox, Uid uid, const FlagSet& added, const FlagSet& removed);
  // The bytes are in a file now, the rest of the row stays.
  void leave_blob(MailboxId mailbox, Uid uid, FlagRow row);  // `row`: as message() gave it
  engine::Transaction& rows() { return rows_; }

  void save();

 private:
  Result<MailboxRow*> create_one(std::string_view checked_name, Role role, SystemTime now);
  Result<bool> role_taken(Role role) const;
  void count(MailboxRow& mailbox, const FlagRow& row, bool add);
  static void count_flags(MailboxRow& mailbox, uint8_t system, bool add);
  // Notes in log and counters that they are gone.
  Result<void> note_expunge(MailboxRow& mailbox, const std::vector<Message>& rising);
  Result<void> remove_from_files(const MailboxRow& mailbox, Uid uid);
  Result<void> remove_on_its_way(const MailboxRow& mailbox, Uid uid);

  engine::Transaction& rows_;
  AccountId account_;
  HeadRow head_;
  bool modseq_taken_ = false;
  bool follows_files_ = false;
  const PlacesToBe* expected_ = nullptr;
  std::map<MailboxId, MailboxRow> mailboxes_;
  std::map<MailboxId, KeywordTable> keywords_;
  SharesChanged shares_;
  bool shows_hidden_ = false;
  mutable std::map<MailboxId, ExpungedRow> hidden_;
  mutable std::map<MailboxId, PendingFlags> pending_;
};

// A step that edits one account: loads it, does `work`, saves.
engine::Step edit_step(AccountId account, std::function<Result<void>(AccountEdit&)> work);

}  // namespace posthouse::store
