// Limits of the JMAP server that clients are told of (RFC 8620 section 2), and some that they are not.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace posthouse::access::jmap {

inline constexpr uint64_t kMaxSizeUpload = 50'000'000;  // octets
inline constexpr size_t kMaxConcurrentUpload = 4;       // of one account
inline constexpr size_t kMaxConcurrentRequests = 8;     // of one account
inline constexpr size_t kMaxObjectsInGet = 1'000;
inline constexpr size_t kMaxObjectsInSet = 1'000;
inline constexpr size_t kMaxQueried = 5'000;    // ids in the response to a query
inline constexpr size_t kMaxComparators = 10;   // of a sort
inline constexpr size_t kMaxFilterDepth = 16;   // operators within each other
inline constexpr size_t kMaxFilterParts = 200;  // conditions and operators
inline constexpr size_t kMaxQueryWords = 20;    // of one text of a filter
inline constexpr size_t kMaxNeedles = 100;      // texts that a filter looks for
inline constexpr size_t kQueryTogether =
    2'000;  // letters that a query asks itself about before others have a turn
inline constexpr size_t kReadTogether = 200;  // letters whose summaries a query reads at once
inline constexpr size_t kIndexNeedles =
    16;  // texts that the index is asked for; letters are looked at for all others
inline constexpr size_t kMaxQueryChanges = 5'000;     // letters that changed since a query
inline constexpr size_t kMaxEmailKeywords = 128;      // of one letter
inline constexpr uint64_t kMaxEmailSize = 100 << 20;  // octets of a letter that is made or imported
inline constexpr size_t kBase64Line = 57;             // octets that make a line
inline constexpr size_t kMaxComposeDepth = 20;        // of parts within each other
inline constexpr size_t kMaxComposeParts = 1'000;
inline constexpr size_t kMaxChanges = 5'000;        // told at once, whatever a client asks for
inline constexpr size_t kMaxHeaderFields = 5'000;   // of one header that are told
inline constexpr size_t kBlobPiece = 64 << 10;      // octets of a letter read at once
inline constexpr size_t kMaxBodyValue = 5 << 20;    // octets of the text of one part
inline constexpr size_t kMaxBodyValues = 32 << 20;  // of all parts in one call
inline constexpr size_t kMaxHeader = 1 << 20;       // octets of a header that are looked at
inline constexpr size_t kMaxParsedBlob = 50 << 20;  // an encoded message that Email/parse may hold
inline constexpr size_t kMaxSnippets = 100;         // letters in one call of SearchSnippet/get
inline constexpr size_t kSnippetOctets = 255;       // of a preview (RFC 8621 section 5)
inline constexpr size_t kSnippetText = 64 << 10;    // octets of a part that are looked through for it
inline constexpr size_t kSnippetParts = 4;
inline constexpr size_t kMaxParsed = 50;               // blobs in one call of Email/parse
inline constexpr seconds kMinPing{30};                 // RFC 8620 section 7.3
inline constexpr seconds kMaxPing{300};                // the same
inline constexpr size_t kMaxAuthorization = 4 * 1024;  // octets of the field

}  // namespace posthouse::access::jmap
