// Puts a new letter into mailboxes.
#pragma once

#include <memory>
#include <set>

#include "access/jmap/letters.h"
#include "access/jmap/mailbox_tree.h"
#include "engine/blob.h"
#include "message/summary.h"

namespace posthouse::access::jmap {

class LetterWriter {
 public:
  explicit LetterWriter(const Services& services)
      : services_(services),
        writer_(std::make_unique<engine::BlobWriter>(services.engine, services.ids.next())) {}

  // `over_quota`: it would have more than kMaxEmailSize octets.
  Task<Result<void>> write(std::string octets);
  uint64_t size() const { return writer_->size(); }

  // Durable on return. Into all of the mailboxes, of which there is at least one, or none. Gives its EMAILID.
  Task<Result<catalog::EmailId>> place(store::AccountId account, const MailboxTree& tree,
                                       std::set<store::MailboxId> mailboxes, store::FlagSet flags,
                                       SystemTime received);

 private:
  const Services& services_;
  std::unique_ptr<engine::BlobWriter> writer_;
  message::Summarizer summarizer_{};
};

}  // namespace posthouse::access::jmap
