// Numbers as they stand in files of RocksDB, and in ours beside them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::engine {

// `size` octets, which are there.
uint64_t read_little_endian(std::string_view bytes, size_t at, size_t size);
void append_little_endian(std::string& to, uint64_t value, size_t size);

// Takes one off the front of the bytes.
std::optional<uint64_t> take_varint(std::string_view& from);
void append_varint(std::string& to, uint64_t value);

}  // namespace posthouse::engine
