// Records with their checksum, so that a fuzz target reaches the fields behind it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <xxhash.h>

#include "engine/record.h"

namespace posthouse::fuzz {

// `decode(which, bytes)` with what the fuzzer made, whose first byte is `which`: as it is, and sealed.
template <class Decode>
int decode_sealed(const uint8_t* data, size_t size, const Decode& decode) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  decode(data[0], bytes);
  std::string sealed(bytes);
  engine::append_key_u32(sealed, static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size())));
  decode(data[0], sealed);
  return 0;
}

}  // namespace posthouse::fuzz
