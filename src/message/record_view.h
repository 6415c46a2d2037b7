// A look at some fields of a summary record (message/summary.h) without decoding all of it: for who wants
// them of many messages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "message/thread.h"

namespace posthouse::message {

// Points into the record. Of a damaged one, or one of a later version, all is empty. Fields that nobody asks
// for are not looked at.
class RecordView {
 public:
  explicit RecordView(std::string_view record);

  // There is a Date and it can be read.
  bool has_date() const { return has_date_; }
  int64_t date_seconds() const { return date_seconds_; }  // since 1970
  std::string base_subject() const;                       // RFC 5256 section 2.1
  // Raw values, as EnvelopeAddress has them.
  struct Address {
    std::string_view name, mailbox, host;
    bool has_mailbox = false, has_host = false;
  };
  enum List : uint8_t { kFrom, kSender, kReplyTo, kTo, kCc, kBcc };  // as they stand in the envelope
  // The first of the list; nothing if that is empty.
  std::optional<Address> first_of(List list) const;
  // As thread_base() of the decoded record.
  ThreadBase thread_base() const;

 private:
  bool has_date_ = false, has_overview_ = false;
  int64_t date_seconds_ = 0;
  std::string_view envelope_, overview_;
};

}  // namespace posthouse::message
