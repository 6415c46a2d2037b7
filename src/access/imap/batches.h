// Reads entries of many messages in portions.
#pragma once

#include <vector>

#include "access/imap/state.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

// Walks over the messages that rising ranges of sequence numbers name. The view must not change meanwhile.
class Batches {
 public:
  Batches(std::vector<wire::imap::NumberRange> messages, bool with_summary)
      : messages_(std::move(messages)), with_summary_(with_summary) {}

  bool done() const { return at_ == messages_.size(); }
  // The entries of the next messages, rising; those that another session has removed are missing.
  Task<Result<std::vector<store::Entry>>> next(Session& s);
  // How many messages were asked for so far.
  uint64_t asked() const { return asked_; }

 private:
  std::vector<wire::imap::NumberRange> messages_;
  bool with_summary_;
  size_t at_ = 0;
  uint64_t asked_ = 0;
};

}  // namespace posthouse::access::imap
