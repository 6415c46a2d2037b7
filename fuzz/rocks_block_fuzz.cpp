// Blocks of damaged tables: whatever the bytes, they are read or refused. The first byte chooses how;
// checksums are put on, so that what is behind them is reached.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/rocks_block.h"

namespace {

using namespace posthouse::engine;

void require(bool condition) {
  if (!condition) std::abort();
}

std::string with_checksum(std::string_view contents, char type) {
  const uint32_t checksum = block_checksum(contents, type);
  std::string block(contents);
  block.push_back(type);
  for (int i = 0; i < 4; ++i) block.push_back(static_cast<char>(checksum >> (8 * i)));
  return block;
}

void read_entries(std::string_view block) {
  for_each_entry(block, [](const std::string&, std::string_view value) { (void)take_handle(value); });
}

void make_erased(std::string_view key) {
  const std::string block = erased_block(key.size() + 300, key);
  if (block.empty()) return;
  const auto contents = unpack_block(block);
  require(contents.has_value());
  int rows = 0;
  require(for_each_entry(*contents, [&](const std::string& found, std::string_view) {
    ++rows;
    require(found == key);
  }));
  require(rows == 1);
}

void restore(std::string_view contents) {
  const std::string block = with_checksum(contents.substr(0, 64), 0);
  for (size_t bit = 0; bit < 8 * block.size(); bit += 7) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto restored = restore_bit(damaged);
    require(!restored || restored == block);  // another bit may lead to the same checksum
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      read_entries(bytes);
      break;
    case 1: {
      const auto unpacked = unpack_block(with_checksum(bytes, 4));
      if (unpacked) read_entries(*unpacked);
      break;
    }
    case 2: {
      const size_t half = bytes.size() / 2;
      (void)parse_index(bytes.substr(0, half), bytes.substr(half));
      break;
    }
    case 3:
      make_erased(bytes);
      break;
    default:
      if (!bytes.empty()) restore(bytes);
  }
  return 0;
}
