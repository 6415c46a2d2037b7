// Limits of the JMAP server that clients are told of (RFC 8620 section 2), and some that they are not.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::access::jmap {

inline constexpr uint64_t kMaxSizeUpload = 50'000'000;  // octets
inline constexpr size_t kMaxConcurrentUpload = 4;       // of one account
inline constexpr size_t kMaxConcurrentRequests = 8;     // of one account
inline constexpr size_t kMaxObjectsInGet = 1'000;
inline constexpr size_t kMaxObjectsInSet = 1'000;
inline constexpr size_t kMaxQueried = 5'000;           // ids in the response to a query
inline constexpr size_t kMaxComparators = 10;          // of a sort
inline constexpr size_t kMaxFilterDepth = 16;          // operators within each other
inline constexpr size_t kMaxFilterParts = 200;         // conditions and operators
inline constexpr size_t kMaxChanges = 5'000;           // told at once, whatever a client asks for
inline constexpr size_t kMaxAuthorization = 4 * 1024;  // octets of the field

}  // namespace posthouse::access::jmap
