// BINARY and BINARY.SIZE: parts without their transfer encoding (RFC 3516).
#pragma once

#include "access/imap/fetch_plan.h"
#include "access/imap/state.h"

namespace posthouse::access::imap {

// Writes the item, label first, to s.out. Where the octets can't be read NIL is written (or a size of 0), and
// the fault given; nothing was flushed then since the label. `permanent`: the encoding is not known. Throws
// SessionEnd if damage shows only in the middle.
Task<Result<void>> write_decoded(Session& s, const FetchPart& part, const store::Entry& entry,
                                 const message::Summary* summary, const std::string* whole);

}  // namespace posthouse::access::imap
