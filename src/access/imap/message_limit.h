// How many messages one command may process (RFC 9738): of more, most commands process those with the highest
// UIDs, from the highest down, and tell the lowest of these; others are refused.
#pragma once

#include <cstdint>
#include <vector>

#include "access/imap/state.h"
#include "wire/imap/sequence_set.h"

namespace posthouse::access::imap {

// Of a COPY or an APPEND, which MESSAGELIMIT and SAVELIMIT are for alike; 0: any number.
uint32_t save_limit(const Session& s);

uint64_t count_of(const std::vector<wire::imap::NumberRange>& messages);
// Leaves of the messages (rising) the last `most`. True: there were more. 0: all stay.
bool keep_last(std::vector<wire::imap::NumberRange>& messages, uint32_t most);
// The same of UIDs (rising).
bool keep_last(std::vector<store::Uid>& uids, uint32_t most);

// The command was refused, or would have gone on at `lowest` at the lowest (0: that is not told).
Reply over_limit(uint32_t limit, store::Uid lowest = 0);
// The answer of a command that went no lower than this UID. A code that it has already stays: then the limit
// is told before it.
Reply limited(Session& s, Reply reply, store::Uid lowest);

}  // namespace posthouse::access::imap
