// Letters as JMAP has them, read from the store: each once, wherever it is.
#pragma once

#include <string>
#include <vector>

#include "access/jmap/server.h"
#include "catalog/types.h"

namespace posthouse::access::jmap {

struct Letter {
  catalog::EmailId id = 0;
  catalog::ThreadId thread = 0;
  std::vector<store::Entry> copies;  // one for each mailbox that it is in, at least one; by mailbox and UID
  const store::Entry& entry() const { return copies.front(); }  // what is the same of all: bytes, size, shape
};

// Those of `ids` that there are, in their order. The catalog must have been brought up to date.
// `with_summary`: the entries have their summaries.
Task<Result<std::vector<Letter>>> read_letters(const Services& services, store::AccountId account,
                                               std::vector<catalog::EmailId> ids, bool with_summary);

// Keywords in lower case, "$seen" and the like for system flags (RFC 8621 section 4.1.1). Copies in several
// mailboxes may differ, as IMAP lets them: a letter is seen when all of them are, and has what any of them
// has.
std::vector<std::string> keywords_of(const Letter& letter);
// The other way: nothing where it is no keyword that a letter may have. `seen` is one of the system's flags.
std::optional<store::FlagSet> flags_of(const std::vector<std::string>& keywords);

}  // namespace posthouse::access::jmap
