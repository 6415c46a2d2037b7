// All limits of the delivery agent.
#pragma once

#include <cstdint>

namespace posthouse::delivery {

// What letters to postmaster may take beyond the quotas of who reads them, and of his domain.
inline constexpr uint64_t kPostmasterBytes = 100 << 20;
inline constexpr uint64_t kPostmasterMessages = 1'000;

}  // namespace posthouse::delivery
