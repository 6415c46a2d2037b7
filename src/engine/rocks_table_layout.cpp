#include "engine/rocks_table_layout.h"

#include <algorithm>

#include "engine/file_numbers.h"

namespace posthouse::engine {

namespace {

constexpr std::string_view kMagic("\xf7\xcf\xf4\x85\xb7\x41\xe2\x88", 8);
constexpr size_t kVersionAndMagic = 12;
constexpr uint64_t kLargestIndex = 64ull << 20;

bool read_metaindex(std::string_view block, TableLayout& to) {
  return for_each_entry(block, [&to](const std::string& key, std::string_view value) {
    const auto handle = take_handle(value);
    if (key == "rocksdb.properties") to.properties = handle;
    if (key == "rocksdb.range_del") to.range_deletions = handle;
    if (key.starts_with("fullfilter.")) to.filter = handle;
  });
}

// The contents of a block whose checksum is right, unpacked.
std::optional<std::string> read_block(const PatchFile& file, BlockHandle handle) {
  if (handle.size > kLargestIndex) return std::nullopt;
  const Result<std::string> block = file.read(handle.offset, handle.size + kBlockTrailer);
  if (!block) return std::nullopt;
  return unpack_block(*block);
}

// The block that ends at `end`, if it is no larger than a list of blocks is: where its checksum is right.
std::optional<BlockHandle> small_block_before(const PatchFile& file, uint64_t end) {
  constexpr uint64_t kLargest = 4096;
  const uint64_t from = end - std::min(end, kLargest);
  const Result<std::string> bytes = file.read(from, end - from);
  if (!bytes) return std::nullopt;
  for (uint64_t size = 1; size + kBlockTrailer <= bytes->size(); ++size) {
    const uint64_t at = bytes->size() - kBlockTrailer - size;
    if (unpack_block(std::string_view(*bytes).substr(at))) return BlockHandle{from + at, size};
  }
  return std::nullopt;
}

uint64_t end_of(BlockHandle block) {
  return block.offset + block.size + kBlockTrailer;
}

bool is(const std::optional<BlockHandle>& handle, uint64_t offset) {
  return handle && handle->offset == offset;
}

}  // namespace

BlockKind TableLayout::kind_at(uint64_t offset) const {
  if (metaindex.offset == offset) return BlockKind::metaindex;
  if (index.offset == offset) return BlockKind::index;
  if (is(properties, offset)) return BlockKind::properties;
  if (is(range_deletions, offset)) return BlockKind::range_deletions;
  if (is(filter, offset)) return BlockKind::filter;
  return BlockKind::data;
}

bool is_footer(std::string_view footer) {
  return footer.size() == kTableFooter && footer.ends_with(kMagic) && footer.front() == kChecksumXxh3;
}

std::optional<std::string> restore_footer(const PatchFile& file, uint64_t size) {
  if (size < kTableFooter || file.size() < size - kTableFooter) return std::nullopt;
  const auto metaindex = small_block_before(file, size - kTableFooter);
  const auto list = metaindex ? read_block(file, *metaindex) : std::nullopt;
  TableLayout layout;
  if (!list || !read_metaindex(*list, layout) || !layout.properties || !layout.filter) return std::nullopt;
  const uint64_t begin = end_of(*layout.filter);
  const uint64_t end = (layout.range_deletions ? *layout.range_deletions : *layout.properties).offset;
  if (end < begin + kBlockTrailer) return std::nullopt;
  const BlockHandle index{begin, end - begin - kBlockTrailer};
  if (!read_block(file, index)) return std::nullopt;
  std::string out(1, kChecksumXxh3);
  for (const BlockHandle& block : {*metaindex, index}) {
    append_varint(out, block.offset);
    append_varint(out, block.size);
  }
  out.resize(kTableFooter - kVersionAndMagic, '\0');
  out += std::string("\5\0\0\0", 4);
  return out.append(kMagic);
}

std::optional<TableLayout> read_layout(const PatchFile& file) {
  if (file.size() < kTableFooter) return std::nullopt;
  const Result<std::string> footer = file.read(file.size() - kTableFooter, kTableFooter);
  if (!footer || !is_footer(*footer)) return std::nullopt;
  std::string_view handles = std::string_view(*footer).substr(1, kTableFooter - kVersionAndMagic - 1);
  const auto metaindex = take_handle(handles);
  const auto index = metaindex ? take_handle(handles) : std::nullopt;
  if (!index) return std::nullopt;
  TableLayout layout;
  layout.metaindex = *metaindex;
  layout.index = *index;
  // Without it only itself can be told from the others, which is what is asked then: it is read first.
  const std::optional<std::string> block = read_block(file, *metaindex);
  if (block && !read_metaindex(*block, layout)) return std::nullopt;
  return layout;
}

std::optional<std::vector<IndexEntry>> read_index(const PatchFile& file, const TableLayout& layout) {
  const auto properties = layout.properties ? read_block(file, *layout.properties) : std::nullopt;
  const auto index = read_block(file, layout.index);
  if (!properties || !index) return std::nullopt;
  return parse_index(*properties, *index);
}

}  // namespace posthouse::engine
