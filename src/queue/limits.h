// The limits of the queue's rows, in one place.
#pragma once

#include <cstddef>

namespace posthouse::queue {

constexpr size_t kMaxReplyBytes = 512;  // last_reply, last_status and last_host are cut to this
constexpr size_t kMaxPathBytes = 1024;  // addresses; RFC 5321 section 4.5.3.1 allows 256, SMTPUTF8 needs more
constexpr size_t kMaxRecipients = 10'000;      // of one letter
constexpr size_t kVerbBatch = 100;             // letters changed by one transaction of an operator's verb
constexpr size_t kMaxRecordBytes = 16u << 20;  // a longer letter row can't be ours

}  // namespace posthouse::queue
