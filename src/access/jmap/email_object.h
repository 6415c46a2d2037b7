// A message as an object of JMAP: all that its octets say (RFC 8621 sections 4.1.3 and 4.1.4).
#pragma once

#include <string>

#include "access/jmap/blob_id.h"
#include "access/jmap/email_plan.h"
#include "access/jmap/letter_source.h"

namespace posthouse::access::jmap {

// How much text all messages of a call may still hold.
struct TextBudget {
  uint64_t left;
};

// By which blob ids the parts of a message are found.
struct PartNames {
  BlobId message{};      // or what it is in
  std::string prefix{};  // "2." of what is attached as part 2
};

// Adds the properties of `plan` that come from the message itself. Reads as little of it as they need. Faults
// are those of the store; `over_quota`: the budget is used up.
Task<Result<void>> add_content(json::object& out, const EmailPlan& plan, const LetterSource& source,
                               const message::Summary& summary, PartNames names, TextBudget& budget);

}  // namespace posthouse::access::jmap
