// The whole store compared with itself. Only looks, never repairs.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/engine.h"
#include "store/change_rows.h"
#include "store/expunged_row.h"
#include "store/forgiving_reader.h"
#include "store/mail_store.h"
#include "store/pending_flags.h"
#include "store/rights.h"
#include "store/rows.h"

namespace posthouse::store {

// One run over one consistent view. What can't be read is listed, and the rest looked at. Memory: 8 bytes for
// each message.
class Checker {
 public:
  using Progress = std::function<void(uint64_t done, uint64_t total)>;
  Checker(const engine::Reader& reader, MailStore::CheckReport& report, Progress progress)
      : raw_(reader),
        reader_(reader, [this](std::string line) { problem(std::move(line)); }),
        report_(report),
        progress_(std::move(progress)) {}

  Result<void> run(const std::vector<AccountId>& accounts);
  // Without bodies and domains.
  Result<void> run_one(AccountId account) { return check_account(account); }

 private:
  struct Counted {
    uint32_t exists = 0, unseen = 0, deleted = 0;
    uint64_t bytes = 0;
    Uid last = 0;
  };

  Result<void> count_work(const std::vector<AccountId>& accounts);
  void step();
  void problem(std::string line);

  Result<void> check_account(AccountId account);
  Result<void> note_dying(AccountId account);
  std::string unknown_to_body(engine::BlobId blob, std::string_view if_gone) const;
  Result<void> check_kept(AccountId account, const HeadRow& head);
  Result<void> check_groups();
  Result<void> check_names(AccountId account, const std::vector<MailboxRow>& mailboxes);
  Result<void> check_annotations(AccountId account, const HeadRow& head,
                                 const std::vector<MailboxRow>& mailboxes);
  Result<void> check_rights(AccountId account, const std::vector<MailboxRow>& mailboxes);
  Result<void> check_shares();
  Result<void> check_mailbox(AccountId account, const HeadRow& head, const MailboxRow& mailbox);
  Result<void> check_message(AccountId account, const MailboxRow& mailbox, Uid uid, const FlagRow& row);
  Result<void> check_records(AccountId account, const MailboxRow& mailbox);
  Result<void> check_changes(AccountId account, const MailboxRow& mailbox, const ExpungedRow& hidden);
  // Of the mailbox that is looked at: flags that are not in the rows yet.
  Result<void> find_pending(AccountId account, const MailboxRow& mailbox);
  Result<ExpungedRow> find_hidden(AccountId account, const MailboxRow& mailbox);
  bool see_hidden(AccountId account, std::string_view value);
  Result<void> check_change(AccountId account, const MailboxRow& mailbox, const ChangeRow& row,
                            const Change& change);
  void compare(AccountId account, const MailboxRow& mailbox, const Counted& counted);
  struct Unreadable {
    std::string what;
    std::string owners;  // the first of them
    size_t count = 0;
  };
  using Bodies = std::map<engine::BlobId, Unreadable>;
  Result<void> check_blobs();
  bool was_passed_over(engine::BlobId blob) const;
  Bodies::iterator look_at(engine::BlobId blob);
  Result<void> check_references(engine::BlobId blob);
  Result<void> name_owners(AccountId account);

  const engine::Reader& raw_;
  const ForgivingReader reader_;
  MailStore::CheckReport& report_;
  Progress progress_;
  uint64_t done_ = 0, total_ = 0;
  bool in_files_ = false;  // the account that is looked at keeps its mail in files
  PendingFlags pending_;
  Bodies unreadable_;
  // From and to, rising: numbers of bodies of which some may be there and unreadable.
  std::vector<std::pair<uint64_t, uint64_t>> passed_over_;
  uint64_t unjudged_ = 0;                    // references that may belong to messages that can't be read
  std::map<std::string, GroupRow> groups_;   // as the accounts' heads have it
  std::unordered_set<uint64_t> references_;  // hashes of (blob, reference) that messages have
};

}  // namespace posthouse::store
