#include "engine/rocks_block.h"

#include "engine/file_numbers.h"

#include <bit>
#include <utility>

#include <xxhash.h>
#include <zstd.h>

namespace posthouse::engine {

namespace {

constexpr uint64_t kLargestBlock = 64ull << 20;
constexpr char kPlain = 0;  // types of compression
constexpr char kLz4 = 4;
constexpr char kZstd = 7;

// The entries of a block, without the restart points behind them.
std::optional<std::string_view> entries_of(std::string_view block) {
  if (block.size() < 4) return std::nullopt;
  const uint64_t restarts = read_little_endian(block, block.size() - 4, 4);
  if (4 * (restarts + 1) > block.size()) return std::nullopt;
  return block.substr(0, block.size() - 4 * (restarts + 1));
}

// The length of literals or a match: beyond 15 in further bytes.
std::optional<size_t> take_length(std::string_view& from, size_t length) {
  if (length < 15) return length;
  for (unsigned char byte = 255; byte == 255;) {
    if (from.empty()) return std::nullopt;
    byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    length += byte;
  }
  return length;
}

std::string with_trailer(std::string contents) {
  const uint32_t checksum = block_checksum(contents, kPlain);
  contents.push_back(kPlain);
  append_little_endian(contents, checksum, 4);
  return contents;
}

}  // namespace

std::optional<BlockHandle> take_handle(std::string_view& from) {
  const auto offset = take_varint(from);
  const auto size = offset ? take_varint(from) : std::nullopt;
  if (!size) return std::nullopt;
  return BlockHandle{*offset, *size};
}

// Each shares the beginning of its key with the one before.
bool for_each_entry(std::string_view block, const EntryVisitor& visit) {
  const auto found = entries_of(block);
  if (!found) return false;
  std::string_view entries = *found;
  std::string key;
  while (!entries.empty()) {
    const auto shared = take_varint(entries);
    const auto rest = shared ? take_varint(entries) : std::nullopt;
    const auto length = rest ? take_varint(entries) : std::nullopt;
    if (!length || *shared > key.size() || *rest > entries.size() || *length > entries.size() - *rest)
      return false;
    key.resize(*shared);
    key.append(entries.substr(0, *rest));
    visit(key, entries.substr(*rest, *length));
    entries.remove_prefix(*rest + *length);
  }
  return true;
}

// LZ4's block format: literals, then a copy of what came before, and again.
std::optional<std::string> unpack_lz4(std::string_view from, size_t size) {
  std::string out;
  out.reserve(size);
  while (!from.empty()) {
    const auto token = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    const auto literals = take_length(from, token >> 4);
    if (!literals || *literals > from.size() || *literals > size - out.size()) return std::nullopt;
    out.append(from.substr(0, *literals));
    from.remove_prefix(*literals);
    if (from.empty()) break;
    if (from.size() < 2) return std::nullopt;
    const size_t back = static_cast<unsigned char>(from[0]) + 256u * static_cast<unsigned char>(from[1]);
    from.remove_prefix(2);
    const auto match = take_length(from, token & 15);
    if (!match || back == 0 || back > out.size() || *match + 4 > size - out.size()) return std::nullopt;
    for (size_t i = 0; i < *match + 4; ++i) out.push_back(out[out.size() - back]);
  }
  if (out.size() != size) return std::nullopt;
  return out;
}

std::optional<std::string> unpack_zstd(std::string_view from, size_t size) {
  std::string out(size, '\0');
  const size_t unpacked = ZSTD_decompress(out.data(), out.size(), from.data(), from.size());
  if (ZSTD_isError(unpacked) != 0 || unpacked != size) return std::nullopt;
  return out;
}

std::optional<std::string> unpack_block(std::string_view block) {
  if (block.size() < kBlockTrailer) return std::nullopt;
  std::string_view contents = block.substr(0, block.size() - kBlockTrailer);
  const char type = block[contents.size()];
  if (read_little_endian(block, contents.size() + 1, 4) != block_checksum(contents, type))
    return std::nullopt;
  if (type == kPlain) return std::string(contents);
  const auto size = take_varint(contents);
  if ((type != kLz4 && type != kZstd) || !size || *size > kLargestBlock) return std::nullopt;
  return type == kZstd ? unpack_zstd(contents, *size) : unpack_lz4(contents, *size);
}

uint32_t block_checksum(std::string_view contents, char type) {
  constexpr uint32_t kPrime = 0x6b9083d9;
  return static_cast<uint32_t>(XXH3_64bits(contents.data(), contents.size())) ^
         (static_cast<unsigned char>(type) * kPrime);
}

std::optional<std::string> restore_bit(std::string block) {
  if (block.size() <= kBlockTrailer) return std::nullopt;
  const size_t size = block.size() - kBlockTrailer;
  const std::string_view contents(block.data(), size);
  const uint32_t stored = static_cast<uint32_t>(read_little_endian(block, size + 1, 4));
  const uint32_t computed = block_checksum(contents, block[size]);
  std::optional<std::string> restored;
  if (std::has_single_bit(stored ^ computed)) {
    restored = block.substr(0, size + 1);
    append_little_endian(*restored, computed, 4);
  }
  for (size_t bit = 0; bit < 8 * (size + 1); ++bit) {
    char& byte = block[bit / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    if (block_checksum(contents, block[size]) == stored) {
      if (restored) return std::nullopt;
      restored = block;
    }
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
  }
  return restored;
}

std::string empty_block(uint64_t size) {
  return with_trailer(std::string(size, '\0'));
}

// The rest of the block is the value of that row, which nobody looks at.
std::string erased_block(uint64_t size, std::string_view internal_key) {
  for (size_t bytes = 1; bytes <= 3; ++bytes) {  // of the value's length
    std::string head;
    append_varint(head, 0);
    append_varint(head, internal_key.size());
    const uint64_t taken = head.size() + bytes + internal_key.size() + 8;
    if (size < taken) continue;
    const uint64_t value = size - taken;
    append_varint(head, value);
    head += internal_key;
    head.append(value, '\0');
    append_little_endian(head, 0, 4);  // one restart point
    append_little_endian(head, 1, 4);
    if (head.size() == size) return with_trailer(std::move(head));
  }
  return "";
}

// Version 5 with a restart point for each entry: no entry shares anything with the one before, and its value
// has no length.
std::optional<std::vector<IndexEntry>> parse_index(std::string_view properties, std::string_view index) {
  bool bare_keys = false;
  bool deltas = false;
  const bool read = for_each_entry(properties, [&](const std::string& key, std::string_view value) {
    const bool one = value == std::string_view("\1", 1);
    if (key == "rocksdb.index.key.is.user.key") bare_keys = one;
    if (key == "rocksdb.index.value.is.delta.encoded") deltas = one;
  });
  const auto found = entries_of(index);
  if (!read || !deltas || !found) return std::nullopt;
  std::vector<IndexEntry> out;
  for (std::string_view entries = *found; !entries.empty();) {
    const auto shared = take_varint(entries);
    const auto length = shared ? take_varint(entries) : std::nullopt;
    if (!length || *shared != 0 || *length > entries.size()) return std::nullopt;
    std::string key(entries.substr(0, *length));
    entries.remove_prefix(*length);
    if (bare_keys) key.append(8, '\0');
    const auto handle = take_handle(entries);
    if (!handle || key.size() < 8) return std::nullopt;
    out.push_back({*handle, std::move(key)});
  }
  return out;
}

}  // namespace posthouse::engine
