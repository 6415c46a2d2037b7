// A letter of a backup on its way back into a mailbox, piece by piece.
#pragma once

#include <boost/json/fwd.hpp>
#include <memory>
#include <string>

#include "app/core/core.h"
#include "message/summary.h"

namespace posthouse::app {

class ReturnedLetter {
 public:
  // address, mailbox, date (milliseconds since 1970), flags (bits of store::Flag), keywords, size. Faults:
  // syntax, not_found.
  static Task<Result<std::unique_ptr<ReturnedLetter>>> open(Core& core, boost::json::object arguments);
  Task<Result<void>> write(std::string piece);
  // All or nothing, and only when it has the size that was told. Quotas don't stop it: it was there before.
  // Answers mailbox, uid and uid_validity.
  Task<Result<boost::json::value>> commit();

 private:
  explicit ReturnedLetter(Core& core) : core_(core), writer_(core.engine, core.ids.next()) {}

  Core& core_;
  engine::BlobWriter writer_;
  message::Summarizer summarizer_;
  store::AccountId account_ = 0;
  std::string mailbox_;
  store::NewMessage message_;
  uint64_t size_ = 0;
};

}  // namespace posthouse::app
