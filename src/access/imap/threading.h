// The messages that a THREAD by references finds, in their threads.
#pragma once

#include <memory>
#include <vector>

#include "access/imap/recall.h"
#include "access/imap/searcher.h"
#include "message/reference_threads.h"

namespace posthouse::access::imap {

// Kept for the next who finds the same messages.
struct KnownThreads : Recall::Kept {
  store::UidList found;
  message::ReferenceThreads threads;  // settled
  std::vector<store::Uid> uids;       // of the messages, by their numbers there
};

// Nothing when `threads` has them, or why not. `most`: see find_messages().
Task<std::optional<Reply>> find_threads(Session& s, wire::imap::Search& c, uint32_t most,
                                        std::shared_ptr<const KnownThreads>& threads);

}  // namespace posthouse::access::imap
