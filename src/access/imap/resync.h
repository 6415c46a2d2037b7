// What happened while a client was away (RFC 7162 sections 3.2.5 and 3.2.6).
#pragma once

#include <vector>

#include "access/imap/state.h"
#include "wire/imap/command.h"

namespace posthouse::access::imap {

// Part of SELECT with QRESYNC: VANISHED (EARLIER), then FETCH of what changed.
Task<Result<void>> tell_resync(Session& s, wire::imap::Resync resync);

// For FETCH with CHANGEDSINCE: the messages that a set names and that changed after `since`, as rising ranges
// of sequence numbers. `vanished`: tells first which of the set are no more.
Task<Result<std::vector<wire::imap::NumberRange>>> changed_since(Session& s, wire::imap::SequenceSet set,
                                                                 bool uid, store::ModSeq since,
                                                                 bool vanished);

}  // namespace posthouse::access::imap
