// The answer to THREAD (RFC 5256 section 4).
#pragma once

#include "access/imap/sort_order.h"
#include "access/imap/state.h"
#include "message/reference_threads.h"

namespace posthouse::access::imap {

// "* THREAD ..." of messages sorted by subject and date: ORDEREDSUBJECT.
Task<void> tell_ordered_subjects(Session& s, const SortOrder& order, bool uid);
// The same of threads by references. `uids`: of the messages, by their numbers there.
Task<void> tell_references(Session& s, const message::ReferenceThreads& threads,
                           const std::vector<store::Uid>& uids, bool uid);

}  // namespace posthouse::access::imap
