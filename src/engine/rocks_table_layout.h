// The outline of a table as RocksDB writes it (block-based, format version 5): which block is what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/patch_file.h"

namespace posthouse::engine {

inline constexpr size_t kTableFooter = 53;
inline constexpr size_t kBlockTrailer = 5;  // type of compression, checksum
inline constexpr char kChecksumXxh3 = 4;    // what every table of ours has

// A block without its trailer.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

enum class BlockKind { data, filter, index, range_deletions, properties, metaindex };

struct TableLayout {
  BlockHandle metaindex;
  BlockHandle index;
  std::optional<BlockHandle> properties, range_deletions, filter;

  BlockKind kind_at(uint64_t offset) const;
};

// None when the footer, or the block that lists the others, can't be read.
std::optional<TableLayout> read_layout(const PatchFile& file);

// A block of rows, and a key that is not before its last row and before the first of the next block.
struct IndexEntry {
  BlockHandle block;
  std::string separator;  // RocksDB's internal form: the key, then 8 bytes of sequence number and type
};

// None when the index can't be read, or is not of the only form that our tables have.
std::optional<std::vector<IndexEntry>> read_index(const PatchFile& file, const TableLayout& layout);

// The checksum that belongs behind `contents`: over them and the type of compression.
uint32_t block_checksum(std::string_view contents, char type);

// When one bit of a block with its trailer has changed: the block as it was. Trying every bit takes the
// square of the block's size: for 8 KiB some hundredths of a second, for 512 KiB minutes.
std::optional<std::string> restore_bit(std::string block);

// A block of this size with nothing in it, with its trailer: what is no block of rows is read as nothing
// without restart points, and a filter of zero probes lets everything through. Not for rows: RocksDB 7.8 does
// not look whether such a block has any before it searches it.
std::string empty_block(uint64_t size);

// A block of rows of this size, with its trailer, whose only row says that `internal_key` is erased; "" when
// that does not fit.
std::string erased_block(uint64_t size, std::string_view internal_key);

}  // namespace posthouse::engine
