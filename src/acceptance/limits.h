// Limits of acceptance.
#pragma once

#include <cstddef>
#include <cstdint>

namespace posthouse::acceptance {

// Disk space that must be free beside the letter itself, for the rows and logs of what is under way.
constexpr uint64_t kFreeSpaceMargin = 16ull << 20;
// Local mailboxes and remote addresses that the recipients of one letter may lead to, aliases followed.
constexpr size_t kMaxCopies = 10'000;

}  // namespace posthouse::acceptance
