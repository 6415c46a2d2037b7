// Every limit of this room.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::maildir {

constexpr size_t kMaxFileName = 255;  // NAME_MAX of Linux file systems
// A base leaves room for ":2," with every flag and letter.
constexpr size_t kMaxBase = kMaxFileName - 3 - 6 - 26;
constexpr size_t kMaxHost = 64;  // of the host's name within a base
constexpr int kLetters = 26;     // keywords that fit into file names, "a" to "z"

constexpr size_t kWriteBuffer = 64 * 1024;
constexpr size_t kReadBuffer = 64 * 1024;
constexpr size_t kLeastRead = 512;
constexpr uint64_t kCheckpointEvery =
    256 * 1024;  // bytes of a file between two places a reader can go back to

constexpr int kScanPasses = 4;               // over a folder that changes while it is read
constexpr int kFindPasses = 12;              // in search of one message that others keep renaming
constexpr int kRenameTries = 50;             // of one message that others keep renaming
constexpr size_t kMaxMessages = 20'000'000;  // in a folder
// A folder that changed so recently may change again without its time moving: file systems of Linux have the
// time of the kernel's tick (at most 10 ms), others may have whole seconds (FAT: two).
constexpr std::chrono::nanoseconds kFineSettling = std::chrono::milliseconds(50);
constexpr std::chrono::nanoseconds kSettling = std::chrono::seconds(3);
constexpr std::chrono::nanoseconds kTmpLife = std::chrono::hours(36);  // of files left in tmp/

constexpr size_t kMaxFolders = 200'000;  // of one account
constexpr size_t kMaxLevels = 64;        // of a folder's name
constexpr size_t kMaxFolderName = 1024;  // UTF-8, all levels
constexpr int kMaxDeletionDepth = 64;    // folders within a deleted folder
constexpr size_t kMaxSubscriptionsFile = 16 * 1024 * 1024;

constexpr size_t kMaxUidListFile = 2'000'000'000;
// A header of a list of UIDs that says more is damaged, and would leave none for new messages.
constexpr uint32_t kHighestNextUid = 0x80000000;
constexpr size_t kMaxKeywordsFile = 64 * 1024;
constexpr size_t kMaxKeyword = 255;

constexpr size_t kMaxQuotaFile = 5120;  // a larger `maildirsize` is calculated anew
constexpr std::chrono::minutes kQuotaStale{15};
constexpr int kQuotaTries = 3;

constexpr std::chrono::seconds kLockStale{120};    // as Dovecot has it
constexpr std::chrono::seconds kLockPatience{10};  // how long one waits for a lock
constexpr size_t kMaxLockFile = 1024;

constexpr size_t kMaxWatches = 8192;  // folders; two inotify watches each

}  // namespace posthouse::maildir
