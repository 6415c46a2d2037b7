// Limits of the program around the mail system: control socket, metrics, supervisor, demo.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::app {

// ---- the control socket
constexpr size_t kLargestRequest = 1 << 20;    // bytes of one request, or of one piece of a letter
constexpr size_t kLargestResponse = 64 << 20;  // bytes of one response
constexpr size_t kLetterPiece = 64 << 10;      // bytes of a letter in one frame
constexpr size_t kControlSessions = 64;        // at a time; who waits longest gives way to one more
constexpr seconds kControlStalled{5};          // after that, also who has sent half a letter
constexpr seconds kControlTimeout{60};         // for the next frame, or to take one from us
constexpr milliseconds kProgressEvery{250};
constexpr milliseconds kControlPatience{10'000};  // for a server that starts or ends to answer or let go
constexpr milliseconds kControlRetry{50};         // between two looks meanwhile
constexpr size_t kRestorePage = 10'000;           // letters listed in one answer
constexpr size_t kMostUnseen = 1'000;      // accounts that a backup names, as their files can't be looked at
constexpr size_t kBackupPage = 1'000;      // letters read at once from the store
constexpr size_t kImportTogether = 1'000;  // letters that come in in one transaction, at most
constexpr size_t kImportBytes = 1 << 20;   // of letters sent together; a larger one goes alone
constexpr size_t kImportPage = 2'000;      // letters listed with their checksums in one answer
constexpr size_t kExportPage = 1'000;      // letters asked for at once
constexpr size_t kExportPiece = 1 << 20;   // bytes of letters in one answer
constexpr int kControlTries = 5;           // of a call that only reads, when servers go away under it
constexpr size_t kDeliverRecipients = 1000;
// So many letters a verb of the queue changes one by one and names; more of them it changes together and
// counts.
constexpr size_t kLettersNamed = 200;

// ---- tokens of OAuth 2.0
constexpr size_t kMostTokensKnown = 10'000;  // good ones that are remembered
constexpr size_t kMostTokensAsked = 64;      // that the authorization server is asked about at a time

// ---- import from an IMAP server
constexpr seconds kImapConnectTime{30};  // for one of its addresses to answer
constexpr seconds kImapPatience{180};  // for it to say something, to take what we say, and to end a response
constexpr seconds kImapShortest{1}, kImapLongest{3600};  // that --timeout may make of it
constexpr uint64_t kImapSlowest = 1'000;                 // bytes of a letter in a second, after that
constexpr int kImapUseless = 10;                  // so many times that for nothing but what nobody asked for
constexpr seconds kImapLastWord{2};               // to take our LOGOUT
constexpr size_t kImapMailboxes = 10'000;         // that it may have
constexpr size_t kImapLetters = 5'000'000;        // that a mailbox of it may have
constexpr uint64_t kImapLetter = 1ull << 30;      // bytes of a letter
constexpr size_t kImapAside = 100'000;            // responses in a row that nobody asked for
constexpr size_t kImapTogether = 200;             // letters in one FETCH
constexpr uint64_t kImapTogetherBytes = 4 << 20;  // of letters in one FETCH, but for a single one
constexpr size_t kImapAhead = 2;                  // FETCHes under way
constexpr int kImapTries = 8;                     // of connections in a row that bring nothing
constexpr milliseconds kImapFirstPause{250};      // before the second of them; doubles
constexpr milliseconds kImapLongestPause{30'000};
constexpr int kImapLetterTries = 3;          // connections that may end at one letter before it is left out
constexpr uint64_t kImapBrokenLetters = 20;  // that may be left out for that
constexpr size_t kImapUrl = 2'000;           // bytes
constexpr size_t kImapSecret = 64 * 1024;    // bytes of a file with a password or token
constexpr size_t kImapKnown = 200 << 20;     // bytes of a file that notes what was brought

// ---- the store
constexpr milliseconds kStorePatience{10'000};  // for another process to let go of it at the start
constexpr milliseconds kStoreRetry{250};

constexpr int kSettleTries = 100;  // of opening it, while other damage is met each time
constexpr int kRepairTries = 3;    // of a repair that always ends with the same damage

// ---- the search index
constexpr milliseconds kTidyUploads{15 * 60 * 1000};  // between two looks for uploads that are too old
constexpr uint64_t kSheetsPart =
    8;  // of store.memory one in so many, for the lists that JMAP is answered from
constexpr uint64_t kSearchReserve = 128ull << 20;  // disk space it leaves beyond what is left for letters
constexpr milliseconds kSearchSoon{1'000};         // before the first look at all accounts
constexpr milliseconds kSearchRound{10'000};       // between two of them, and...
constexpr milliseconds kSearchAccount{1};          // ... for each account, if that is more
constexpr milliseconds kSearchAfterFault{60'000};

// ---- programs that get the text out of attached documents
constexpr seconds kExtractionTime{20};                // for one document, on the clock and of a processor
constexpr seconds kExtractionGrace{5};                // after that, until its end is told
constexpr milliseconds kExtractionLook{100};          // between two looks whether the server is to end
constexpr uint64_t kExtractionMemory = 512ull << 20;  // octets of address space
constexpr uint64_t kExtractionOutput = 64ull << 20;   // octets that are read of what it writes
constexpr size_t kExtractionPiece = 64 << 10;         // octets read at once
// Documents that give nothing may take so long together; of that, each of so many seconds forgives one.
constexpr seconds kExtractionPatience{60};
constexpr int kExtractionShare = 10;
constexpr seconds kExtractionLogEvery{60};  // one that failed is logged

// ---- upkeep
constexpr milliseconds kConvertAgain{60'000};           // a conversion that was stopped, at first
constexpr milliseconds kConvertAgainAtMost{3'600'000};  // and in the end
constexpr milliseconds kSweepEvery{30'000};             // between two sweeps of blobs nobody refers to
constexpr milliseconds kSpaceLook{2'000};               // ... with no room for letters, as often as that
constexpr uint64_t kSpaceGone = 16ull << 20;            // which is so much above the reserve
// The directory's copy is written again when so long, and so many times what writing it took, went by.
constexpr milliseconds kCopyPause{5'000};
constexpr int kCopyShare = 1000;
// With less space left than this, what letters that went have held is given back to the disk at once.
constexpr uint64_t kSpaceShort = 512ull << 20;
constexpr seconds kReclaimAgain{10};   // after one that failed, or what it took if that is longer
constexpr seconds kReclaimPause{300};  // between two times, at most, or...
constexpr int kReclaimShare = 5;       // ... so many times what it took; with no room for letters, once that
// Rows of messages whose flags changed are written once no more came for so long, or after so many times of
// it.
constexpr milliseconds kFlagsPause{1000};
constexpr int kFlagsPauses = 10;
constexpr milliseconds kExpungePause{100};  // before the rows of letters that were expunged are removed
// Looks for expunged letters whose time is over come after a twentieth of that time, but within these limits.
constexpr milliseconds kPurgeSoonest{1'000};
constexpr milliseconds kPurgeLatest{600'000};
constexpr size_t kPurgeTogether = 100;           // letters in one transaction, at most
constexpr uint64_t kPurgeEarly = 64ull << 20;    // bytes at once, while the disk has no room
constexpr milliseconds kPurgeTold{30'000};       // between two lines in the log of one purge
constexpr uint64_t kPurgeReclaim = 64ull << 20;  // so many bytes purged are given back to the disk at once
constexpr milliseconds kGaugesEvery{5'000};

// ---- expunged letters
constexpr size_t kExpungedListed = 1000;  // unless the caller says otherwise
constexpr size_t kExpungedAtOnce = 500;   // read, put back or removed between two words of progress

// ---- the supervisor
constexpr milliseconds kFirstRestart{100};      // the pause before the first restart after a crash
constexpr milliseconds kLongestRestart{1'000};  // it doubles up to this while workers crash soon
constexpr milliseconds kLongestRetry{30'000};   // and up to this while they end before they serve
constexpr milliseconds kSteady{10'000};    // a worker that lived so long starts with the short pause again
constexpr milliseconds kStopGrace{8'000};  // beyond limits.shutdown, then the worker is killed

}  // namespace posthouse::app
