// All limits of the room.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::mirror {

inline constexpr size_t kPutsTogether = 1'000;  // letters that go to the files before they leave the database
inline constexpr size_t kEffectsTogether = 10'000;  // carried out before their rows leave the outbox
inline constexpr size_t kWrittenTogether = 64;      // files of a Maildir that are open at once
inline constexpr size_t kFlushedTogether = 16;      // from so many on the file system is flushed once for all
inline constexpr size_t kNewTogether = 200;         // messages of others taken in by one transaction
inline constexpr size_t kOpenMessages = 64;         // files that reading may come back to
inline constexpr size_t kReadAlone = 16;        // messages that are opened one by one; more are read together
inline constexpr size_t kPiece = 64 * 1024;     // read from a file at once
inline constexpr uint64_t kBlock = 1 << 20;     // of an mbox, read while it is locked
inline constexpr uint64_t kHeaderOctets = 512;  // of a message, that only the mbox has: as a guess
inline constexpr size_t kKnownFiles = 4;        // mboxes of an account whose messages' places are remembered
inline constexpr uint64_t kReadWhole = 16 << 20;  // an mbox of this size is read anew after every change
inline constexpr int kReadAllEach = 10;           // larger ones after so many that only added to them
inline constexpr seconds kSameTime{3};            // in which changes of a file may show the same time
inline constexpr size_t kMostBehind = 20'000;     // changes of flags that may wait for the files
inline constexpr milliseconds kGather{20};        // in which flags are gathered before they go to the files
inline constexpr size_t kGathered = 4'000;        // so many wait for no more
inline constexpr milliseconds kLookAgain{500};    // into a file that another program keeps locked
inline constexpr milliseconds kNap{100};          // between attempts of somebody who waits for a lock
inline constexpr int kNaps = 300;                 // at most
inline constexpr int kNapsToOpen = 50;            // by a session, for a mailbox that was never read
inline constexpr seconds kTellAgain{3600};        // a trouble that lasts
inline constexpr seconds kRetryUnread{2};         // of letters that we have no rights to
inline constexpr size_t kTroubles = 10'000;       // remembered, so that they are not told again
inline constexpr int kLooks = 5;                  // while index or files change under our eyes
inline constexpr seconds kRetryEvery{2};          // of what could not be done in the files
inline constexpr milliseconds kShortLockPatience{250};  // of a Maildir's list of keywords
inline constexpr size_t kCarriers = 8;              // accounts whose outbox is tried again at the same time
inline constexpr milliseconds kLongestPause{2000};  // between looks unasked that took long
inline constexpr milliseconds kQuiet{50};           // after a change by others, for more of them
inline constexpr size_t kLongLook = 5'000;     // messages: such a look is not repeated at once for a session
inline constexpr int kRestAfterLook = 3;       // times as long as the look took
inline constexpr size_t kWatched = 4096;       // mailboxes, by inotify
inline constexpr seconds kWatchedFor{3600};    // after a session looked into one (IDLE is renewed earlier)
inline constexpr seconds kLookAtAllEvery{30};  // of the watched: inotify is blind to what comes by a network
// UIDs above are not taken over from an mbox: any sender may have written them, and none would be left.
inline constexpr uint32_t kHighestForeignUid = 0x7fffffff;

}  // namespace posthouse::mirror
