// The messages that a SORT or THREAD has found, read one after another.
#pragma once

#include "access/imap/searcher.h"

namespace posthouse::access::imap {

class FoundMessages {
 public:
  virtual ~FoundMessages() = default;
  virtual bool needs_summary() const = 0;
  virtual bool needs_relevancy() const { return false; }
  // In rising order of UIDs. `relevancy`: 0 where it is not needed. False: there is no room for the message.
  virtual bool add(const store::Entry& entry, uint8_t relevancy) = 0;
};

// Searches. Nothing when `found` has the messages that matched and are not known to be gone, or why not:
// among more than `most` (0: any number) no search is made (RFC 9738 section 3.3).
Task<std::optional<Reply>> find_messages(Session& s, wire::imap::Search& c, uint32_t most,
                                         store::UidList& found);

// Searches, and gives each message found to `found`. Nothing when all were taken, or why not, as above.
Task<std::optional<Reply>> read_found(Session& s, wire::imap::Search& c, uint32_t most, FoundMessages& found);

}  // namespace posthouse::access::imap
