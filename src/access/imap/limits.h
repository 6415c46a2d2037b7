// Every limit of an IMAP session, in one place. Those of the grammar are in wire/imap/limits.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::access::imap {

constexpr size_t kOutputChunk = 64 * 1024;      // responses are written as soon as this much waits
constexpr size_t kKeptBuffer = 512;             // a larger output buffer is given back when a session waits
constexpr size_t kReadAhead = 16 * 1024;        // taken from the stream at once
constexpr size_t kBodyPiece = 128 * 1024;       // of a message read from the store at once
constexpr uint64_t kSmallMessage = 32 * 1024;   // up to here messages are read whole, several in one go
constexpr uint64_t kReadTogether = 128 * 1024;  // octets of small messages in one go...
constexpr size_t kPartsAhead = 2;               // ... and so many of these on their way at the same time
constexpr uint64_t kHeaderForFields = 1024 * 1024;  // of a header that HEADER.FIELDS looks through
constexpr size_t kFilterPasses = 8;                 // filters in filters (RFC 5466 section 3.1)
constexpr size_t kFilterBytes = 64 * 1024;          // all that is put into a search
constexpr uint64_t kAskIndexFrom = 100;             // messages to be searched: fewer are just looked at
constexpr size_t kIndexQuestions = 16;              // of one search: each takes an octet a message
constexpr uint64_t kTruthsThin = 64;  // UIDs for a message, of a mailbox whose searches are remembered,
constexpr uint64_t kTruthsBeside = 100'000;  // and these beside
constexpr int64_t kFuzzyDays = 3;            // that a fuzzy date may be off (RFC 6203 section 5)
constexpr int64_t kFuzzySize = 10;           // a fuzzy size by this part of it
constexpr uint32_t kLookTogether = 4096;     // messages that are judged before others have their turn
constexpr size_t kEntriesPlain = 1'000;      // entries read in one go
constexpr size_t kEntriesWithSummary = 128;  // the same with the cached shape of the message
constexpr size_t kMostLost = 1'000;          // messages without octets that FETCH looks up again
constexpr size_t kStoreTogether = 10'000;    // messages of a STORE changed in one go
constexpr size_t kAppendTogether = 5'000;    // messages of one APPEND...
constexpr size_t kAppendMemory = 16 << 20;   // ... and what is kept of them in memory until the last is there
constexpr size_t kVanishedTogether = 1'000;  // ranges of UIDs in one VANISHED (EARLIER)
constexpr size_t kSortText = 1'000;          // octets of a subject or name that SORT and THREAD compare
constexpr size_t kSortMemory = 128 << 20;    // of one SORT or THREAD, for what it compares
constexpr size_t kSortTogether = 8'192;      // messages sorted without a breath
constexpr size_t kRecordsTogether = 1'024;   // read in one go for SORT and THREAD...
constexpr size_t kRecordsAhead = 4;          // ... and so many of these at the same time
constexpr size_t kMuchLess = 16;             // a search that found so many times less than is known is read
constexpr size_t kContexts = 16;             // searches of a session that are kept up to date...
constexpr size_t kContextMemory = 4 << 20;   // ... and octets of what they found
constexpr size_t kSearchedMailboxes = 10'000;     // of one ESEARCH
constexpr size_t kNotifications = 2'000;          // mailboxes told of at once, else it is an overflow
constexpr size_t kFormerNames = 1'000;            // of mailboxes that went, whose UIDVALIDITYs are remembered
constexpr size_t kWithdrawnNames = 1'000;         // of mailboxes that a client was told it may not look up
constexpr size_t kWatchedOwners = 1'000;          // whose mailboxes are told of: more is too much
constexpr uint32_t kMaxFailedLogins = 5;          // then the connection ends
constexpr size_t kDoneLine = 64;                  // octets of the line that ends IDLE
constexpr std::chrono::seconds kFarewellTime{5};  // to write BYE
constexpr std::chrono::seconds kProgressTime{10};  // between two INPROGRESS (RFC 9585)

}  // namespace posthouse::access::imap
