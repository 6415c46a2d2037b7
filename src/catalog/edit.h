// The catalog of one account inside a transaction step.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "catalog/rows.h"

namespace posthouse::catalog {

// A letter that is in a mailbox. `keys`: see conversation_keys(); of one that the catalog has they don't
// matter.
struct Arrival {
  Place place;
  EmailId email = 0;
  std::vector<uint64_t> keys;
};

// Lives as long as the step. All changes are noted at one position. Rows that can't be read are faults: a
// catalog that is damaged is thrown away.
class CatalogEdit {
 public:
  CatalogEdit(engine::Transaction& rows, Head& head, ModSeq position)
      : rows_(rows), head_(head), position_(position) {}

  // Also for one that is there: then it has changed.
  Result<void> add(const Arrival& arrival);
  Result<void> remove(Place place);
  // The oldest of those that are gone are forgotten once there are too many.
  Result<void> forget_some();

  // Notes what a mailbox is like now. `digest`: of all but its counts; `counted`: these may have changed.
  Result<void> note_mailbox(MailboxId mailbox, uint64_t digest, bool counted);
  Result<void> note_mailbox_gone(MailboxId mailbox);
  Result<void> forget_some_mailboxes();
  void put_head() { rows_.put(kHeadKey, encode(head_)); }

  // Mailboxes with letters of conversations that lost, got or changed one.
  const std::set<MailboxId>& counted() const { return counted_; }

 private:
  Result<std::optional<EmailRow>> email(EmailId id) const;
  Result<ThreadId> conversation_of(const Arrival& arrival) const;
  Result<void> join(const Arrival& arrival, ThreadId thread);
  Result<void> leave(ThreadId thread, EmailId email);
  Result<void> count(ThreadId thread, const EmailRow& row);
  void note_change(EmailId id, EmailRow& row);
  void put_log(EmailId id, const LogRow& row);

  engine::Transaction& rows_;
  Head& head_;
  const ModSeq position_;
  std::set<MailboxId> counted_;
  std::set<ThreadId> seen_;  // whose mailboxes are in counted_
};

}  // namespace posthouse::catalog
