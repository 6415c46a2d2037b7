// What the anatomy of a message is allowed to cost. Over a limit a message is still stored, fetched raw and
// relayed; only its summary leaves the rest out and says so (Summary::truncated).
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::message::limits {

// One header block (of the message, of a part, of an embedded message) that is kept for parsing, octets.
inline constexpr size_t kHeaderBytes = 1 << 20;
// Text kept in the summary of one message: all envelope strings, parameters and so on, octets.
inline constexpr size_t kKeptText = 512 << 10;
// Depth of the MIME tree: multiparts and embedded messages inside each other.
inline constexpr size_t kNesting = 64;
// Parts of a message, multiparts and embedded messages counted too.
inline constexpr size_t kParts = 10'000;
// Parameters of one Content-Type or Content-Disposition field, RFC 2231 pieces counted each.
inline constexpr size_t kParameters = 100;
// Octets of a parameter after its RFC 2231 pieces are joined.
inline constexpr size_t kParameterBytes = 16 << 10;
// Addresses (and group marks) of one message's envelope, all fields together.
inline constexpr size_t kAddresses = 10'000;
// Identifiers of one References field.
inline constexpr size_t kMessageIds = 1'000;
// Of them, kept in the summary: the eldest one and the last ones.
inline constexpr size_t kKeptReferences = 100;
// URLs of one List- field.
inline constexpr size_t kUrls = 100;
// Languages of a Content-Language field.
inline constexpr size_t kLanguages = 64;
// Octets of a boundary. RFC 2046 section 5.1.1 allows 70; longer ones are seen.
inline constexpr size_t kBoundary = 256;

// RFC 5321 section 4.5.3.1: local part, domain and path of an address, octets.
inline constexpr size_t kLocalPart = 64;
inline constexpr size_t kDomain = 255;
inline constexpr size_t kLabel = 63;

// RFC 5322 section 2.1.1: a line that we write, without its CRLF.
inline constexpr size_t kLine = 998;
inline constexpr size_t kPreferredLine = 78;
// RFC 2047 section 2: an encoded word.
inline constexpr size_t kEncodedWord = 75;

// Octets of a base subject that threads are compared by.
inline constexpr size_t kThreadSubject = 1'000;

// Characters of a preview (RFC 8970 section 3.3), and octets of a part that are looked at for it.
inline constexpr size_t kPreview = 256;
inline constexpr size_t kPreviewRead = 64 << 10;

// Marks of quoting in front of a line of flowed text; more of them are text.
inline constexpr size_t kQuoteDepth = 100;

// A search key, octets of UTF-8 after folding.
inline constexpr size_t kSearchKey = 8 << 10;

// Octets of a header that are searched, and how many parts' headers of a message.
inline constexpr size_t kSearchedHeader = 1 << 20;
inline constexpr size_t kSearchedParts = 200;

}  // namespace posthouse::message::limits
