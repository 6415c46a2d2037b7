// One account as a reader sees it: everything that only looks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "store/change_rows.h"
#include "store/expunged_row.h"
#include "store/keywords.h"
#include "store/pending_flags.h"
#include "store/rows.h"

namespace posthouse::store {

std::unexpected<Fault> no_mailbox();  // not_found

// Cheap to make; made inside Engine::read. Damaged rows of messages are reported and left out, and so are
// those of expunged messages whose rows are still there, unless they are asked for.
class AccountView {
 public:
  enum class Expunged : uint8_t { left_out, shown };
  AccountView(const engine::Reader& reader, AccountId account, Expunged expunged = Expunged::left_out)
      : reader_(reader), account_(account), partition_(account_partition(account)), expunged_(expunged) {}

  Result<HeadRow> head() const;                        // not_found
  Result<std::vector<MailboxInfo>> mailboxes() const;  // sorted by name, INBOX first
  Result<MailboxInfo> mailbox(MailboxId id) const;     // not_found
  Result<MailboxInfo> mailbox(std::string_view checked_name) const;
  Result<std::vector<std::string>> subscriptions() const;
  Result<KeywordTable> keywords(MailboxId id) const;

  // Messages with first <= uid <= last, rising, until `visit` says false.
  using FlagVisitor = std::function<bool(Uid uid, const FlagRow& row)>;
  Result<void> for_each(MailboxId mailbox, Uid first, Uid last, const FlagVisitor& visit) const;
  Result<std::optional<FlagRow>> message(MailboxId mailbox, Uid uid) const;
  // Those of the UIDs that are there.
  Result<void> for_these(MailboxId mailbox, const std::vector<Uid>& rising,
                         const std::function<void(Uid, const FlagRow&)>& visit) const;

  Result<std::vector<Entry>> entries(MailboxId mailbox, Uid first, Uid last, size_t most,
                                     bool with_summary) const;
  Result<std::vector<Entry>> entries(MailboxId mailbox, std::vector<Uid> uids, bool with_summary) const;
  Result<Changes> changes(MailboxId mailbox, ModSeq since) const;
  // The same as rows: those that came or changed go to `visit`, in no order, the others into `out`. `info` is
  // that of the mailbox in this view.
  Result<void> news(const MailboxInfo& info, ModSeq since, Changes& out,
                    const std::function<void(Uid, const FlagRow&)>& visit) const;
  // The oldest expunges in the log, at most `most`.
  Result<std::vector<Change>> oldest_expunges(const MailboxInfo& mailbox, size_t most) const;

  // Expunged messages whose rows are still there.
  Result<std::vector<std::pair<MailboxId, ExpungedRow>>> unfinished_expunges() const;
  // Messages whose flags are not in their rows yet: the first mailbox with any, 0 if there is none, and at
  // most `most` of its UIDs.
  Result<MailboxId> unfinished_flags(size_t most, std::vector<Uid>& uids) const;

 private:
  // What is not in the rows of its messages yet.
  Result<const PendingFlags*> pending(MailboxId mailbox) const;
  // Those that are left out.
  Result<const ExpungedRow*> left_out(MailboxId mailbox) const;
  Result<bool> subscribed(std::string_view name) const;
  Result<void> add_summaries(MailboxId mailbox, std::vector<Entry>& entries) const;
  using RowVisitor = std::function<void(Uid, const FlagRow&)>;
  Result<void> collect_new(MailboxId mailbox, ModSeq since, const RowVisitor& visit) const;
  Result<void> collect_changed(MailboxId mailbox, ModSeq since, Changes& out, const RowVisitor& visit) const;

  const engine::Reader& reader_;
  AccountId account_;
  engine::Partition partition_;
  Expunged expunged_;
  mutable std::map<MailboxId, ExpungedRow> left_out_;
  mutable std::map<MailboxId, PendingFlags> pending_;
};

// Whether UIDs are read faster by one scan over their range than one by one.
bool is_dense(Uid first, Uid last, size_t count);
bool is_dense(const std::vector<Uid>& rising);

Entry make_entry(MailboxId mailbox, Uid uid, const FlagRow& row, const KeywordTable& keywords);

}  // namespace posthouse::store
