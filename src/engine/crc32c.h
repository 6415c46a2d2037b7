// CRC-32C (Castagnoli), as RFC 3720 appendix B.4 has examples of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace posthouse::engine {

uint32_t crc32c(std::string_view bytes);
// Of bytes whose CRC is `before` (0 for none) and `more` behind them.
uint32_t crc32c(uint32_t before, std::string_view more);

// The bit of `size` bytes whose change alone changes their CRC by `difference` (the two with exclusive or):
// 8 times its byte, plus its place there.
std::optional<size_t> flipped_bit(size_t size, uint32_t difference);

}  // namespace posthouse::engine
