// What is in a part of a message, without its transfer encoding, piece by piece.
#pragma once

#include <string>

#include "access/jmap/letter_source.h"
#include "message/transfer.h"

namespace posthouse::access::jmap {

// Multiparts, and encodings that nobody knows, are as they stand.
class PartReader {
 public:
  // `source` lives longer.
  PartReader(const LetterSource& source, const message::Part& part);
  // All of the message.
  explicit PartReader(const LetterSource& source);

  bool done() const { return done_; }
  // Perhaps "", which is not the end.
  Task<Result<std::string>> next();

 private:
  const LetterSource& source_;
  uint64_t at_ = 0, end_;
  message::TransferDecoder decoder_;
  bool done_ = false;
};

// Octets that a PartReader gives, if the shape of the message says so; else they have to be counted.
std::optional<uint64_t> size_of(const message::Part& part);

}  // namespace posthouse::access::jmap
