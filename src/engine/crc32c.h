// CRC-32C (Castagnoli), as RFC 3720 appendix B.4 has examples of it.
#pragma once

#include <cstdint>
#include <string_view>

namespace posthouse::engine {

uint32_t crc32c(std::string_view bytes);

}  // namespace posthouse::engine
