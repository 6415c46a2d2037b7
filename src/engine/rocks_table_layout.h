// The outline of a table as RocksDB writes it (block-based, format version 5): which block is what.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/patch_file.h"
#include "engine/rocks_block.h"

namespace posthouse::engine {

inline constexpr size_t kTableFooter = 53;
inline constexpr char kChecksumXxh3 = 4;  // what every table of ours has

enum class BlockKind { data, filter, index, range_deletions, properties, metaindex };

struct TableLayout {
  BlockHandle metaindex;
  BlockHandle index;
  std::optional<BlockHandle> properties, range_deletions, filter;

  BlockKind kind_at(uint64_t offset) const;
};

// None when the footer can't be read, or the block that lists the others makes no sense.
std::optional<TableLayout> read_layout(const PatchFile& file);

// The footer of a table of `size` octets whose own can't be read: from the blocks in front of it, which the
// builder writes in one order (filter, index, range deletions, properties, list of blocks). None when those
// can't be read either.
std::optional<std::string> restore_footer(const PatchFile& file, uint64_t size);
bool is_footer(std::string_view footer);

// None when the index can't be read, or is not of the only form that our tables have.
std::optional<std::vector<IndexEntry>> read_index(const PatchFile& file, const TableLayout& layout);

}  // namespace posthouse::engine
