// All limits of the message store.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::store {

inline constexpr size_t kMaxNameBytes = 255;     // of a mailbox name
inline constexpr size_t kMaxLevels = 32;         // of a mailbox name
inline constexpr size_t kMaxMailboxes = 10'000;  // of an account
inline constexpr size_t kMaxKeywords = 256;      // of a mailbox, ever used; their numbers fit a byte
inline constexpr size_t kMaxKeywordBytes = 100;
// Annotations: octets of a name and of a value; of an account how many, and octets of all names and values.
inline constexpr size_t kMaxAnnotationName = 255;
inline constexpr size_t kMaxAnnotation = 32 << 10;
inline constexpr size_t kMaxAnnotations = 1'000;
inline constexpr size_t kMaxAnnotationBytes = 4 << 20;
// Entries of the rights of a mailbox (store/rights.h).
inline constexpr size_t kMaxRights = 200;
inline constexpr size_t kPart = 1'000;  // messages changed in one transaction
// The same of a COPY or MOVE, which writes but three rows of each and has read them before.
inline constexpr size_t kCopyPart = 2'000;
// The same for flags: so many rows in memory keep others waiting about as long as a flush of the disk.
inline constexpr size_t kFlagsPart = 4'000;
// Messages expunged in one transaction, as far as what is kept of them fits this many bytes; so many are read
// before the bytes are counted.
inline constexpr size_t kExpungePart = 5'000;
inline constexpr size_t kExpungeBytes = 4 << 20;
inline constexpr size_t kExpungeLook = 250;
// So many messages or more are expunged by one row that hides them, in parts of so many; how many runs of
// UIDs without a gap such a row has, and how many messages one transaction then removes.
inline constexpr size_t kHiddenFrom = 100;
inline constexpr size_t kHiddenPart = 20'000;
inline constexpr size_t kHiddenRuns = 4'096;
inline constexpr size_t kFinishPart = 500;
// The same of flags (store/pending_flags.h): how many STOREs of different messages one row has.
inline constexpr size_t kPendingParts = 16;
// A letter whose files may stay behind (store/files.h) counts as so many changes of flags, and one more for
// so many octets of it, which are there twice until then.
inline constexpr size_t kChangesALetter = 2;
inline constexpr uint64_t kOctetsAChange = 1024;
// Expunged messages that the log of changes still names, in each mailbox: enough for a client that was away
// for weeks. The oldest are forgotten, some at a time.
inline constexpr uint32_t kKeptExpunges = 10'000;
inline constexpr uint32_t kForgottenTogether = 1'000;
// Messages changed in one transaction share rows of the log of changes from so many on; how much one of these
// rows holds, which is written anew when one of its messages changes again.
inline constexpr size_t kSharedFrom = 16;
inline constexpr size_t kRunsInRow = 64;
inline constexpr size_t kChangesInRow = 8'192;
inline constexpr size_t kKeptPart = 200;  // expunged messages put back in one transaction
// Bodies brought back from files by one transaction, and how much of them.
inline constexpr size_t kLoadedTogether = 500;
inline constexpr size_t kLoadedBytes = 1 << 20;
// Listings (store/listing.h): how many messages a mailbox has for it to be cheaper to bring one up to date
// than to make it anew; how many and how much of them is remembered...
inline constexpr uint32_t kListedFrom = 500;
inline constexpr size_t kListings = 4'096;
inline constexpr size_t kListedRuns = 256 * 1024;  // of UIDs without a gap, 12 bytes each
inline constexpr size_t kListingRuns = 25;         // that a listing weighs itself
// ... and from when on they are written down: for so many messages, when so many changed since, and not
// beyond this.
inline constexpr uint32_t kWrittenFrom = 5'000;
inline constexpr size_t kWrittenAfter = 1'000;
inline constexpr size_t kWrittenBytes = 1 << 20;
// Sheets (store/flag_sheet.h): how many are remembered, of how many messages all together (16 octets each),
// and messages a page and different sets of keywords of one. Mailboxes get one from so many messages on, when
// so many of all (a part of so many) are asked for at once.
inline constexpr size_t kSheets = 256;
inline constexpr size_t kSheetMessages = 512 * 1024;
inline constexpr size_t kSheetPage = 256;
inline constexpr size_t kSheetKeywordSets = 4'096;
inline constexpr size_t kSheetKeywordBytes = 64 << 10;  // of their names
inline constexpr size_t kSheetFrom = 1'000;
inline constexpr size_t kSheetShare = 4;
inline constexpr size_t kMaxProblems = 1'000;  // told by check()
inline constexpr int kMaxAttempts = 5;         // when the messages change between the look and the step

}  // namespace posthouse::store
