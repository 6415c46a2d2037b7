// All limits of the catalog, in one place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::catalog {

inline constexpr size_t kPart = 1'000;  // letters in one transaction
inline constexpr size_t kSheetPart =
    5'000;  // letters that are read at once for a sheet; more changes: it is made anew
inline constexpr size_t kReferences = 50;  // of a letter, the last ones: what it belongs to by
inline constexpr size_t kMaxKeys =
    1'000;  // that lead to a conversation because of one letter, which came back again and again
inline constexpr uint64_t kTombstones =
    20'000;  // letters that are gone and still told to who asks what changed...
inline constexpr uint64_t kTombstonesMore = 2'000;  // ... and how many more may be there until some go
inline constexpr size_t kMailboxTombstones = 1'000;
inline constexpr size_t kMaxPlaces = 10'000;  // mailboxes that a letter is in, for who decodes a row
inline constexpr size_t kMaxMailboxes = 100'000;

}  // namespace posthouse::catalog
