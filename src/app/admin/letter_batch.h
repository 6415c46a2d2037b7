// Letters that move in from elsewhere, many in one transaction, on their way into a mailbox.
#pragma once

#include <boost/json/fwd.hpp>
#include <memory>
#include <string>
#include <vector>

#include "app/core/core.h"
#include "message/summary.h"

namespace posthouse::app {

class LetterBatch {
 public:
  // address, mailbox, letters: [size, date (milliseconds since 1970), flags (bits of store::Flag), keywords]
  // each; returned: they come from a backup, and each is logged; more: others follow at once. Faults: syntax,
  // not_found.
  static Task<Result<std::unique_ptr<LetterBatch>>> open(Core& core, boost::json::object arguments);
  // Their bytes, one letter directly behind the other, in pieces of any size.
  Task<Result<void>> write(std::string piece);
  // All or nothing, and only when all bytes came that were told. The operator moves them in, so quotas don't
  // stop it. Answers how many: placed.
  Task<Result<boost::json::value>> commit();

 private:
  struct Letter {
    uint64_t size = 0;
    store::NewMessage message;
    std::unique_ptr<engine::BlobWriter> writer;
  };
  explicit LetterBatch(Core& core) : core_(core) {}
  Result<void> describe(const boost::json::value& value);
  void begin();
  void end();

  Core& core_;
  store::AccountId account_ = 0;
  std::string mailbox_;
  bool returned_ = false;
  bool more_ = false;
  std::vector<Letter> letters_;
  size_t at_ = 0;  // the letter that is being written
  message::Summarizer summarizer_;
};

}  // namespace posthouse::app
