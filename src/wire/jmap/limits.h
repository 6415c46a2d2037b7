// Limits of JMAP's requests, in one place. Those that clients are told of (RFC 8620 section 2) have its
// names.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::wire::jmap {

inline constexpr size_t kMaxSizeRequest = 10'000'000;  // octets
inline constexpr size_t kMaxCallsInRequest = 64;

inline constexpr size_t kMaxDepth = 64;           // arrays and objects within each other
inline constexpr size_t kMaxValues = 500'000;     // of a request, each with a key perhaps
inline constexpr size_t kMaxId = 255;             // octets (section 1.2)
inline constexpr size_t kMaxCallId = 1'000;       // octets of the client's name for a call
inline constexpr size_t kMaxCapabilities = 100;   // that a request may name
inline constexpr size_t kMaxCreatedIds = 10'000;  // that it may bring along
inline constexpr size_t kMaxReferencesInCall = 32;
inline constexpr size_t kMaxPointer = 1'000;  // octets of a path into a response
// What all references of a request may copy: each call might take all of the one before, twice.
inline constexpr size_t kMaxReferredValues = 500'000;
inline constexpr size_t kMaxReferredOctets = 32 << 20;

}  // namespace posthouse::wire::jmap
