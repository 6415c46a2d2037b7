// All limits of uploads, in one place.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace posthouse::uploads {

inline constexpr std::chrono::hours kKeptFor{24};
inline constexpr std::chrono::hours kSafeFor{1};          // RFC 8620 section 6.1
inline constexpr size_t kMaxUploads = 1'000;              // of an account
inline constexpr uint64_t kMaxUploadBytes = 500'000'000;  // the same
inline constexpr size_t kMaxType = 255;                   // octets of a media type
inline constexpr size_t kSweepAtOnce = 1'000;

}  // namespace posthouse::uploads
