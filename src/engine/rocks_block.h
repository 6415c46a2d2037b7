// The blocks that a table of RocksDB consists of: entries, restart points, and a trailer with the type of
// compression and a checksum.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace posthouse::engine {

inline constexpr size_t kBlockTrailer = 5;  // type of compression, checksum

// A block without its trailer.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

// Takes one off the front of the bytes.
std::optional<BlockHandle> take_handle(std::string_view& from);

// False when a block (unpacked, without trailer) breaks off or makes no sense.
using EntryVisitor = std::function<void(const std::string& key, std::string_view value)>;
bool for_each_entry(std::string_view block, const EntryVisitor& visit);

// The contents of a block with its trailer, if its checksum is right.
std::optional<std::string> unpack_block(std::string_view block);
// Exactly `size` bytes.
std::optional<std::string> unpack_lz4(std::string_view from, size_t size);
std::optional<std::string> unpack_zstd(std::string_view from, size_t size);

// A block of rows, and a key that is not before its last row and before the first of the next block.
struct IndexEntry {
  BlockHandle block;
  std::string separator;  // RocksDB's internal form: the key, then 8 bytes of sequence number and type
};

// None when the index is not of the only form that our tables have.
std::optional<std::vector<IndexEntry>> parse_index(std::string_view properties, std::string_view index);

// The checksum that belongs behind `contents`: over them and the type of compression.
uint32_t block_checksum(std::string_view contents, char type);

// When one bit of a block with its trailer has changed: the block as it was; nothing where several bits could
// have been it, the checksum having no more than 32. Trying every bit takes the square of the block's size:
// for 8 KiB some hundredths of a second, for 512 KiB minutes.
std::optional<std::string> restore_bit(std::string block);

// A block of this size with nothing in it, with its trailer: what is no block of rows is read as nothing
// without restart points, and a filter of zero probes lets everything through. Not for rows: RocksDB 7.8 does
// not look whether such a block has any before it searches it.
std::string empty_block(uint64_t size);

// A block of rows of this size, with its trailer, whose only row says that `internal_key` is erased; "" when
// that does not fit.
std::string erased_block(uint64_t size, std::string_view internal_key);

}  // namespace posthouse::engine
