// The log of changes of one mailbox inside a transaction: each message is in it at most once, with its last
// change.
#pragma once

#include <vector>

#include "engine/engine.h"
#include "store/change_rows.h"
#include "store/rows.h"

namespace posthouse::store {

class ChangeLog {
 public:
  ChangeLog(engine::Transaction& rows, MailboxId mailbox) : rows_(rows), mailbox_(mailbox) {}

  // The message is about to change or to go: what the log has of it goes, once done() is called.
  void take(Uid uid, const FlagRow& before);
  Result<void> done();
  // Takes expunges out, which rise; how many were there.
  Result<size_t> forget(const std::vector<Change>& expunges);

  // Writes down what changed in one transaction, rising, of which nothing is in the log any more.
  class Notes {
   public:
    Notes(ChangeLog& log, ModSeq modseq, bool expunged, size_t changes);
    bool shared() const { return row_.shared; }
    void add(Uid uid, ModSeq created);
    void done();

   private:
    ChangeLog& log_;
    ModSeq modseq_;
    ChangeRow row_;
  };

 private:
  // Each `modseq` for itself. A row that can't be read stays: whoever reads the log looks at all messages.
  Result<size_t> take_out(ModSeq modseq, const std::vector<Uid>& rising);
  Result<size_t> take_out_all(const std::vector<Change>& rising);
  void put(ModSeq modseq, const ChangeRow& row);

  engine::Transaction& rows_;
  MailboxId mailbox_;
  std::vector<Change> shared_;  // that done() takes out
};

}  // namespace posthouse::store
