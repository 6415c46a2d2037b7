#include "engine/rocks_blob_layout.h"

#include <algorithm>
#include <bit>

#include "engine/crc32c.h"
#include "engine/file_numbers.h"
#include "engine/rocks_block.h"

namespace posthouse::engine {

namespace {

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr uint32_t kMagic = 2395959;

bool ends_with_its_crc(std::string_view bytes) {
  const size_t body = bytes.size() - 4;
  return masked_crc(bytes.substr(0, body)) == read_little_endian(bytes, body, 4);
}

// As a value looks.
unsigned char compression_of(std::string_view value) {
  size_t length = 0;
  uint64_t size = 0;
  for (unsigned char byte = 0x80; byte >= 0x80; ++length) {
    if (length == 5 || length == value.size()) return kBlobPlain;
    byte = static_cast<unsigned char>(value[length]);
    size |= uint64_t{byte & 0x7fu} << (7 * length);
  }
  value.remove_prefix(length);
  if (value.starts_with(kZstdMagic)) return kBlobZstd;
  return size <= kLargestBlobValue && unpack_lz4(value, size) ? kBlobLz4 : kBlobPlain;
}

}  // namespace

uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + kCrcMask;
}

std::string blob_file_header(unsigned char compression) {
  constexpr uint64_t kVersion = 1;
  constexpr uint64_t kFamily = 1;
  std::string out;
  append_little_endian(out, kMagic, 4);
  append_little_endian(out, kVersion, 4);
  append_little_endian(out, kFamily, 4);
  append_little_endian(out, 0, 1);
  append_little_endian(out, compression, 1);
  append_little_endian(out, 0, 16);
  return out;
}

bool is_blob_file_header(std::string_view header) {
  const auto compression = static_cast<unsigned char>(header[kBlobCompressionAt]);
  const bool known = compression == kBlobPlain || compression == kBlobLz4 || compression == kBlobZstd;
  return known && header == blob_file_header(compression);
}

std::string blob_file_footer(uint64_t records) {
  std::string out;
  append_little_endian(out, kMagic, 4);
  append_little_endian(out, records, 8);
  append_little_endian(out, 0, 16);
  append_little_endian(out, masked_crc(out), 4);
  return out;
}

bool is_blob_file_footer(std::string_view footer) {
  return ends_with_its_crc(footer) && read_little_endian(footer, 0, 4) == kMagic;
}

std::optional<BlobRecord> read_blob_record(std::string_view header) {
  if (!ends_with_its_crc(header.substr(0, kBlobRecordSizes + 4))) return std::nullopt;
  const BlobRecord record{read_little_endian(header, 0, 8), read_little_endian(header, 8, 8)};
  if (record.key > kLargestBlobKey || record.value > kLargestBlobValue) return std::nullopt;
  return record;
}

std::optional<uint64_t> next_blob_record(const BlobBytes& read, uint64_t from, uint64_t end) {
  constexpr uint64_t kPiece = 1 << 20;
  for (; from + kBlobRecordHeader <= end; from += kPiece - kBlobRecordHeader) {
    const Result<std::string> piece = read(from, std::min(kPiece, end - from));
    if (!piece) return std::nullopt;
    for (size_t i = 0; i + kBlobRecordHeader <= piece->size(); ++i) {
      const bool plausible = (*piece)[i + 7] == 0;
      if (plausible && read_blob_record(std::string_view(*piece).substr(i, kBlobRecordHeader)))
        return from + i;
    }
  }
  return std::nullopt;
}

unsigned char guess_blob_compression(const BlobBytes& read, uint64_t end) {
  const auto next = [&](uint64_t from) { return next_blob_record(read, from, end); };
  for (std::optional<uint64_t> at = next(kBlobFileHeader); at; at = next(*at + 1)) {
    const Result<std::string> header = read(*at, kBlobRecordHeader);
    const std::optional<BlobRecord> record = header ? read_blob_record(*header) : std::nullopt;
    if (!record || *at + record->size() > end) continue;
    const Result<std::string> body = read(*at + kBlobRecordHeader, record->key + record->value);
    if (body && masked_crc(*body) == read_little_endian(*header, kBlobRecordSizes + 4, 4))
      return compression_of(std::string_view(*body).substr(record->key));
  }
  return kBlobLz4;
}

}  // namespace posthouse::engine
