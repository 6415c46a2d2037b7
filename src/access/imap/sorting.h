// The messages that a SORT or an ORDEREDSUBJECT finds, in order: from what is known of their mailbox, as far
// as that goes.
#pragma once

#include "access/imap/sort_order.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

// Nothing when `order` has them, or why not. `with_modseqs`: those of the items are wanted. `most`: see
// find_messages().
Task<std::optional<Reply>> find_sorted(Session& s, wire::imap::Search& c, uint32_t most, bool with_modseqs,
                                       SortOrder& order);

}  // namespace posthouse::access::imap
