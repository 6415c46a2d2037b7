// Octets of messages for FETCH and SEARCH: small messages are read several at once, large ones piece by
// piece.
#pragma once

#include <string>
#include <vector>

#include "access/imap/fetch_plan.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

// The small messages of a batch, read ahead of their turn; at most kReadTogether octets and one message more.
class ReadAhead {
 public:
  // For the next messages of `entries` (of an account's) from `at` on, or to there from the end, if they are
  // small. Errors are left to the reading itself.
  Task<void> fill(Session& s, store::AccountId account, const std::vector<store::Entry>& entries, size_t at,
                  bool from_end = false);
  // The whole message, or nullptr.
  const std::string* find(store::Uid uid) const;

 private:
  std::vector<store::Uid> uids_;
  std::vector<std::string> messages_;
};

// HEADER.FIELDS and .NOT: what is picked from the `header` of a message of the account. `whole`: the message,
// or nullptr.
Task<Result<std::string>> read_fields(Session& s, store::AccountId account,
                                      const wire::imap::Section& section, const store::Entry& entry,
                                      Extent header, const std::string* whole);

// Writes one item with octets, label first, to s.out. Where the octets can't be read NIL is written, and the
// fault given; nothing was flushed then since the label. Throws SessionEnd if that shows only in the middle.
Task<Result<void>> write_octets(Session& s, const FetchPart& part, const store::Entry& entry,
                                const message::Summary* summary, const std::string* whole);

}  // namespace posthouse::access::imap
