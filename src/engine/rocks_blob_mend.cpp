#include "engine/rocks_blob_mend.h"

#include <bit>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "engine/crc32c.h"
#include "engine/patch_file.h"
#include "engine/rocks_block.h"

namespace posthouse::engine {

namespace {

constexpr size_t kFileHeader = 30;
constexpr size_t kFileFooter = 32;
constexpr size_t kCompressionAt = 13;
constexpr size_t kRecordHeader = 32;
constexpr size_t kSizes = 24;         // of it, before the checksums
constexpr uint64_t kLargestKey = 64;  // ours have 10 and 14
constexpr uint64_t kLargestValue = 8ull << 20;
constexpr unsigned char kPlain = 0;
constexpr unsigned char kLz4 = 4;
constexpr unsigned char kZstd = 7;
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";
constexpr uint32_t kMagic = 2395959;

uint64_t little(std::string_view bytes, size_t at, size_t size) {
  uint64_t out = 0;
  for (size_t i = size; i-- > 0;) out = (out << 8) | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

void append(std::string& to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i, value >>= 8) to.push_back(static_cast<char>(value));
}

// A CRC over data that has CRCs in it is masked.
constexpr uint32_t kMask = 0xa282ead8;
uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + kMask;
}

// Puts right the one bit of `bytes`, or of the masked CRC `stored`, that has changed.
bool restore_bit(std::string& bytes, uint32_t& stored) {
  if (std::has_single_bit(stored ^ masked_crc(bytes))) {
    stored = masked_crc(bytes);
    return true;
  }
  const auto bit = flipped_bit(bytes.size(), std::rotl(stored - kMask, 15) ^ crc32c(bytes));
  if (!bit) return false;
  bytes[*bit / 8] = static_cast<char>(bytes[*bit / 8] ^ (1 << (*bit % 8)));
  return true;
}

bool ends_with_its_crc(std::string_view bytes) {
  const size_t body = bytes.size() - 4;
  return masked_crc(bytes.substr(0, body)) == little(bytes, body, 4);
}

// The same for all files of a store but for the compression: there is only one family with blobs, and their
// values have no times.
std::string file_header(unsigned char compression) {
  constexpr uint64_t kVersion = 1;
  constexpr uint64_t kFamily = 1;
  std::string out;
  append(out, kMagic, 4);
  append(out, kVersion, 4);
  append(out, kFamily, 4);
  append(out, 0, 1);
  append(out, compression, 1);
  append(out, 0, 16);
  return out;
}

bool is_file_header(std::string_view header) {
  const auto compression = static_cast<unsigned char>(header[kCompressionAt]);
  const bool known = compression == kPlain || compression == kLz4 || compression == kZstd;
  return known && header == file_header(compression);
}

// As a value looks.
unsigned char compression_of(std::string_view value) {
  size_t length = 0;
  uint64_t size = 0;
  for (unsigned char byte = 0x80; byte >= 0x80; ++length) {
    if (length == 5 || length == value.size()) return kPlain;
    byte = static_cast<unsigned char>(value[length]);
    size |= uint64_t{byte & 0x7fu} << (7 * length);
  }
  value.remove_prefix(length);
  if (value.starts_with(kZstdMagic)) return kZstd;
  return size <= kLargestValue && unpack_lz4(value, size) ? kLz4 : kPlain;
}

struct Record {
  uint64_t key = 0;  // sizes
  uint64_t value = 0;
  uint64_t size() const { return kRecordHeader + key + value; }
};

std::optional<Record> read_header(std::string_view header) {
  if (!ends_with_its_crc(header.substr(0, kSizes + 4))) return std::nullopt;
  const Record record{little(header, 0, 8), little(header, 8, 8)};
  if (record.key > kLargestKey || record.value > kLargestValue) return std::nullopt;
  return record;
}

std::string make_record(std::string_view key, uint64_t value_size, unsigned char compression) {
  const std::string value = empty_value(value_size, compression);
  std::string out;
  append(out, key.size(), 8);
  append(out, value_size, 8);
  append(out, 0, 8);
  append(out, masked_crc(out), 4);
  std::string body(key);
  body += value;
  append(out, masked_crc(body), 4);
  return out + body;
}

class BlobMender {
 public:
  BlobMender(PatchFile& file, std::string name, KeptAside& aside)
      : file_(file), name_(std::move(name)), aside_(aside), end_(file.size() - kFileFooter) {}

  Result<void> run();
  const MendedBlobs& done() const { return done_; }

 private:
  Result<void> mend_file_header();
  unsigned char guess_compression() const;
  Result<void> mend_footer();
  Result<void> walk();
  Result<uint64_t> mend_lost_header(uint64_t at);
  Result<std::optional<Record>> restore_header(uint64_t at, std::string_view header);
  Result<void> check_value(uint64_t at, const Record& record);
  Result<void> overwrite(uint64_t at, std::string_view now);
  std::optional<uint64_t> next_record(uint64_t from) const;

  PatchFile& file_;
  const std::string name_;
  KeptAside& aside_;
  const uint64_t end_;
  unsigned char compression_ = 0;
  uint64_t records_ = 0;
  MendedBlobs done_;
};

Result<void> BlobMender::run() {
  Result<void> done = mend_file_header();
  if (done) done = walk();
  if (done) done = mend_footer();
  return done;
}

Result<void> BlobMender::mend_file_header() {
  Result<std::string> header = file_.read(0, kFileHeader);
  if (!header) return std::unexpected(header.error());
  if (!is_file_header(*header)) {
    *header = file_header(guess_compression());
    if (Result<void> written = overwrite(0, *header); !written) return written;
    ++done_.restored;
  }
  compression_ = static_cast<unsigned char>((*header)[kCompressionAt]);
  return {};
}

// From the first value that can be read; without one it does not matter.
unsigned char BlobMender::guess_compression() const {
  for (std::optional<uint64_t> at = next_record(kFileHeader); at; at = next_record(*at + 1)) {
    const Result<std::string> header = file_.read(*at, kRecordHeader);
    const std::optional<Record> record = header ? read_header(*header) : std::nullopt;
    if (!record || *at + record->size() > end_) continue;
    const Result<std::string> body = file_.read(*at + kRecordHeader, record->key + record->value);
    if (body && masked_crc(*body) == little(*header, kSizes + 4, 4))
      return compression_of(std::string_view(*body).substr(record->key));
  }
  return kLz4;
}

Result<void> BlobMender::mend_footer() {
  const Result<std::string> footer = file_.read(end_, kFileFooter);
  if (!footer) return std::unexpected(footer.error());
  if (ends_with_its_crc(*footer) && little(*footer, 0, 4) == kMagic) return {};
  if (done_.left > 0) return {};
  std::string made;
  append(made, kMagic, 4);
  append(made, records_, 8);
  append(made, 0, 16);
  append(made, masked_crc(made), 4);
  ++done_.restored;
  return overwrite(end_, made);
}

Result<void> BlobMender::walk() {
  for (uint64_t at = kFileHeader; at < end_;) {
    if (at + kRecordHeader > end_) {
      ++done_.left;  // the file is cut off
      return {};
    }
    const Result<std::string> header = file_.read(at, kRecordHeader);
    if (!header) return std::unexpected(header.error());
    std::optional<Record> record = read_header(*header);
    if (!record) {
      const Result<std::optional<Record>> restored = restore_header(at, *header);
      if (!restored) return std::unexpected(restored.error());
      record = *restored;
    }
    if (record && at + record->size() > end_) {
      ++done_.left;
      return {};
    }
    ++records_;
    if (record) {
      if (Result<void> checked = check_value(at, *record); !checked) return checked;
      at += record->size();
      continue;
    }
    const Result<uint64_t> next = mend_lost_header(at);
    if (!next) return std::unexpected(next.error());
    at = *next;
  }
  return {};
}

Result<std::optional<Record>> BlobMender::restore_header(uint64_t at, std::string_view header) {
  std::string sizes(header.substr(0, kSizes));
  auto checksum = static_cast<uint32_t>(little(header, kSizes, 4));
  if (!restore_bit(sizes, checksum)) return std::nullopt;
  append(sizes, checksum, 4);
  const std::optional<Record> record = read_header(sizes);
  if (!record) return record;
  ++done_.restored;
  if (Result<void> written = overwrite(at, sizes); !written) return std::unexpected(written.error());
  return record;
}

Result<void> BlobMender::check_value(uint64_t at, const Record& record) {
  const Result<std::string> bytes = file_.read(at, record.size());
  if (!bytes) return std::unexpected(bytes.error());
  const std::string_view body = std::string_view(*bytes).substr(kRecordHeader);
  if (masked_crc(body) == little(*bytes, kSizes + 4, 4)) return {};
  std::string restored(body);
  auto checksum = static_cast<uint32_t>(little(*bytes, kSizes + 4, 4));
  if (restore_bit(restored, checksum)) {
    std::string whole = bytes->substr(0, kSizes + 4);
    append(whole, checksum, 4);
    ++done_.restored;
    return overwrite(at, whole + restored);
  }
  const std::string made = make_record(body.substr(0, record.key), record.value, compression_);
  if (made.size() != bytes->size()) {
    ++done_.left;
    return {};
  }
  ++done_.values;
  return overwrite(at, made);
}

// The sizes are gone: what lies between here and the next record tells them, since our keys tell their own.
Result<uint64_t> BlobMender::mend_lost_header(uint64_t at) {
  const uint64_t next = next_record(at + 1).value_or(end_);
  const uint64_t span = next - at;
  constexpr uint64_t kHeadKey = 10;
  constexpr uint64_t kChunkKey = 14;
  if (span < kRecordHeader + kChunkKey || span > kLargestValue) {
    ++done_.left;
    return next;
  }
  const Result<std::string> key = file_.read(at + kRecordHeader, kChunkKey);
  if (!key) return std::unexpected(key.error());
  const bool head = (*key)[0] == 'b' && (*key)[9] == 'b';
  const bool chunk = (*key)[0] == 'b' && (*key)[9] == 'c';
  const uint64_t length = head ? kHeadKey : kChunkKey;
  const std::string made = make_record(key->substr(0, length), span - kRecordHeader - length, compression_);
  if ((!head && !chunk) || made.size() != span) {
    ++done_.left;
    return next;
  }
  ++done_.values;
  if (Result<void> written = overwrite(at, made); !written) return std::unexpected(written.error());
  return next;
}

std::optional<uint64_t> BlobMender::next_record(uint64_t from) const {
  constexpr uint64_t kPiece = 1 << 20;
  for (; from + kRecordHeader <= end_; from += kPiece - kRecordHeader) {
    const Result<std::string> piece = file_.read(from, std::min(kPiece, end_ - from));
    if (!piece) return std::nullopt;
    for (size_t i = 0; i + kRecordHeader <= piece->size(); ++i) {
      if ((*piece)[i + 7] == 0 && read_header(std::string_view(*piece).substr(i, kRecordHeader)))
        return from + i;
    }
  }
  return std::nullopt;
}

Result<void> BlobMender::overwrite(uint64_t at, std::string_view now) {
  const Result<std::string> before = file_.read(at, now.size());
  if (!before) return std::unexpected(before.error());
  Result<void> kept = aside_.keep(fmt::format("{}.{}", name_, at), *before);
  if (!kept) return kept;
  return file_.write(at, now);
}

void append_varint(std::string& to, uint64_t value, size_t length) {
  for (size_t i = 0; i + 1 < length; ++i, value >>= 7) to.push_back(static_cast<char>((value & 0x7f) | 0x80));
  to.push_back(static_cast<char>(value));
}

// LZ4's block format: one sequence of literals only.
size_t lz4_size(size_t literals) {
  return 1 + (literals < 15 ? 0 : (literals - 15) / 255 + 1) + literals;
}

// RFC 8878 section 3.1.1: one frame that tells its size, of raw blocks. "" when `left` bytes are too few.
std::string zstd_zeros(size_t left, size_t& zeros) {
  constexpr size_t kFrameHeader = 9;  // magic, descriptor, size in 4 bytes
  constexpr size_t kBlockHeader = 3;
  constexpr size_t kLargestRaw = 128 * 1024;
  if (left < kFrameHeader + kBlockHeader + 1) return "";
  const size_t blocks = (left - kFrameHeader + kBlockHeader + kLargestRaw - 1) / (kBlockHeader + kLargestRaw);
  zeros = left - kFrameHeader - blocks * kBlockHeader;
  std::string out(kZstdMagic);
  out.push_back('\xa0');  // a size of 4 bytes, a single segment
  append(out, zeros, 4);
  size_t rest = zeros;
  for (size_t i = 0; i < blocks; ++i) {
    const size_t size = std::min(rest, kLargestRaw);
    append(out, (size << 3) | (i + 1 == blocks ? 1 : 0), kBlockHeader);
    out.append(size, '\0');
    rest -= size;
  }
  return out;
}

std::string lz4_zeros(size_t literals) {
  std::string out(1, static_cast<char>(std::min<size_t>(literals, 15) << 4));
  if (literals >= 15) {
    out.append((literals - 15) / 255, '\xff');
    out.push_back(static_cast<char>((literals - 15) % 255));
  }
  return out.append(literals, '\0');
}

}  // namespace

// Behind its length as a varint, which may be longer than it has to be: that fills the gaps between the sizes
// that LZ4 can have.
std::string empty_value(size_t size, unsigned char compression) {
  if (compression == kPlain) return std::string(size, '\0');
  if (compression == kZstd) {
    constexpr size_t kLength = 5;
    size_t zeros = 0;
    const std::string frame = zstd_zeros(size - std::min(size, kLength), zeros);
    std::string out;
    append_varint(out, zeros, kLength);
    return frame.empty() ? "" : out + frame;
  }
  if (compression != kLz4) return "";
  for (size_t length = 3; length <= 5; ++length) {
    const size_t left = size < length ? 0 : size - length;
    for (size_t literals = left - std::min(left, left / 255 + 3); literals < left; ++literals) {
      if (lz4_size(literals) != left || literals >= 1ull << (7 * length)) continue;
      std::string out;
      append_varint(out, literals, length);
      return out + lz4_zeros(literals);
    }
  }
  return "";
}

Result<MendedBlobs> mend_blob_file(const std::string& path, KeptAside& aside) {
  Result<PatchFile> file = PatchFile::open(path);
  if (!file) return std::unexpected(file.error());
  if (file->size() < kFileHeader + kFileFooter) return MendedBlobs{0, 0, 1};
  BlobMender mender(*file, std::filesystem::path(path).filename().string(), aside);
  Result<void> done = mender.run();
  if (!done) return std::unexpected(done.error());
  return mender.done();
}

}  // namespace posthouse::engine
