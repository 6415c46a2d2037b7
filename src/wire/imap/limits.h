// Every limit of the IMAP grammar, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::wire::imap {

constexpr size_t kMaxTag = 255;                 // octets of a tag
constexpr size_t kMaxLoginLine = 8 * 1024;      // a whole command before login, literals included
constexpr size_t kMaxLoginLiteral = 1024;       // one literal before login; only LOGIN and ID may have any
constexpr size_t kMaxCommand = 64 * 1024;       // a whole command after login, literals but APPEND's included
constexpr size_t kMaxAuthLine = 12'288;         // a base64 line of AUTHENTICATE, as in RFC 4954 section 4
constexpr uint64_t kMaxDiscard = 256ull << 20;  // refused octets read and thrown away before the session ends
constexpr uint64_t kMaxLoginDiscard = 64 * 1024;  // the same before login
constexpr size_t kMaxNesting = 32;         // parentheses and NOT/OR within SEARCH, section numbers of a part
constexpr size_t kMaxRanges = 10'000;      // of a sequence set
constexpr size_t kMaxSearchKeys = 1'000;   // of a SEARCH, at all levels together
constexpr size_t kMaxFetchItems = 256;     // of a FETCH
constexpr size_t kMaxHeaderNames = 256;    // of a HEADER.FIELDS list
constexpr size_t kMaxKeywords = 64;        // flags in one STORE or APPEND
constexpr size_t kMaxFlagLength = 255;     // octets of a keyword
constexpr size_t kMaxPattern = 1'024;      // octets of a LIST pattern
constexpr size_t kMaxPatterns = 64;        // of a LIST, together not longer than one
constexpr size_t kMaxIdPairs = 30;         // RFC 2971 section 3.3
constexpr size_t kMaxCapabilities = 64;    // names in one ENABLE
constexpr size_t kMaxAppendParts = 5'000;  // of an APPEND, between two of its literals
constexpr size_t kMaxEntries = 256;        // of a GETMETADATA or SETMETADATA
constexpr size_t kMaxEntryName = 255;      // octets of such a name
constexpr size_t kMaxIdentifier = 512;     // octets of whom rights are of
constexpr size_t kMaxRightsText = 64;      // octets of a list of rights
constexpr size_t kMaxLanguages = 32;       // ranges in one LANGUAGE
constexpr size_t kMaxCancelled = 64;       // tags in one CANCELUPDATE
constexpr size_t kMaxNotifyGroups = 64;    // of a NOTIFY
constexpr size_t kMaxFilterMailboxes = 256;  // names behind one mailbox specifier (NOTIFY, ESEARCH)
constexpr size_t kMaxSearchSources = 64;     // mailbox specifiers of an ESEARCH

}  // namespace posthouse::wire::imap
