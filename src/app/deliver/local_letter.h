// A letter that comes from this host itself (`posthouse deliver`): line ends made CRLF, a trace line in
// front, then accepted like any other.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "acceptance/acceptance.h"
#include "app/core/core.h"
#include "message/header_start.h"

namespace posthouse::app {

struct LocalEnvelope {
  std::string sender;                   // "" is the null reverse-path
  std::vector<std::string> recipients;  // of our own domains; an unqualified name gets the default domain
};

// Makes CRLF of every line end that comes in, LF, CR or CRLF, also when they are cut between two pieces.
class LineEnds {
 public:
  std::string convert(std::string_view piece);

 private:
  bool after_cr_ = false;
};

class LocalLetter {
 public:
  // Checks the envelope. Faults: syntax (an address), not_found (no such user, naming him), policy (a
  // recipient that is not ours), over_quota, temporary.
  static Task<Result<std::unique_ptr<LocalLetter>>> open(Core& core, std::string hostname,
                                                         std::string default_domain, LocalEnvelope envelope);
  // Holds at most one piece. An mbox "From " line in front is dropped.
  Task<Result<void>> write(std::string piece);
  Task<Result<void>> commit();
  std::string queue_id() const { return letter_->queue_id(); }

 private:
  explicit LocalLetter(std::unique_ptr<acceptance::Letter> letter) : letter_(std::move(letter)) {}
  Task<Result<void>> write_body(std::string bytes);

  std::unique_ptr<acceptance::Letter> letter_;
  LineEnds ends_;
  message::HeaderStart start_;
  std::string first_line_;  // until it is known whether it is an mbox line
  bool in_first_line_ = true;
};

}  // namespace posthouse::app
