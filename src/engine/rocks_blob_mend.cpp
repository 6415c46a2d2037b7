#include "engine/rocks_blob_mend.h"

#include <bit>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "engine/crc32c.h"
#include "engine/file_numbers.h"
#include "engine/patch_file.h"
#include "engine/rocks_blob_layout.h"
#include "engine/rocks_block.h"

namespace posthouse::engine {

namespace {

constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

// Puts right the one bit of `bytes`, or of the masked CRC `stored`, that has changed.
bool restore_bit(std::string& bytes, uint32_t& stored) {
  if (std::has_single_bit(stored ^ masked_crc(bytes))) {
    stored = masked_crc(bytes);
    return true;
  }
  const auto bit = flipped_bit(bytes.size(), std::rotl(stored - kCrcMask, 15) ^ crc32c(bytes));
  if (!bit) return false;
  bytes[*bit / 8] = static_cast<char>(bytes[*bit / 8] ^ (1 << (*bit % 8)));
  return true;
}

std::string make_record(std::string_view key, uint64_t value_size, unsigned char compression) {
  const std::string value = empty_value(value_size, compression);
  std::string out;
  append_little_endian(out, key.size(), 8);
  append_little_endian(out, value_size, 8);
  append_little_endian(out, 0, 8);
  append_little_endian(out, masked_crc(out), 4);
  std::string body(key);
  body += value;
  append_little_endian(out, masked_crc(body), 4);
  return out + body;
}

class BlobMender {
 public:
  BlobMender(PatchFile& file, std::string name, KeptAside& aside)
      : file_(file), name_(std::move(name)), aside_(aside), end_(file.size() - kBlobFileFooter) {}

  Result<void> run();
  const MendedBlobs& done() const { return done_; }

 private:
  Result<void> mend_file_header();
  Result<void> mend_footer();
  Result<void> walk();
  Result<uint64_t> mend_lost_header(uint64_t at);
  Result<std::optional<BlobRecord>> restore_header(uint64_t at, std::string_view header);
  Result<void> check_value(uint64_t at, const BlobRecord& record);
  Result<void> overwrite(uint64_t at, std::string_view now);
  BlobBytes bytes() const {
    return [this](uint64_t at, uint64_t length) { return file_.read(at, length); };
  }

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
  Result<std::string> header = file_.read(0, kBlobFileHeader);
  if (!header) return std::unexpected(header.error());
  if (!is_blob_file_header(*header)) {
    *header = blob_file_header(guess_blob_compression(bytes(), end_));
    if (Result<void> written = overwrite(0, *header); !written) return written;
    ++done_.restored;
  }
  compression_ = static_cast<unsigned char>((*header)[kBlobCompressionAt]);
  return {};
}

Result<void> BlobMender::mend_footer() {
  const Result<std::string> footer = file_.read(end_, kBlobFileFooter);
  if (!footer) return std::unexpected(footer.error());
  if (is_blob_file_footer(*footer)) return {};
  if (done_.left > 0) return {};
  ++done_.restored;
  return overwrite(end_, blob_file_footer(records_));
}

Result<void> BlobMender::walk() {
  for (uint64_t at = kBlobFileHeader; at < end_;) {
    if (at + kBlobRecordHeader > end_) {
      ++done_.left;  // the file is cut off
      return {};
    }
    const Result<std::string> header = file_.read(at, kBlobRecordHeader);
    if (!header) return std::unexpected(header.error());
    std::optional<BlobRecord> record = read_blob_record(*header);
    if (!record) {
      const Result<std::optional<BlobRecord>> restored = restore_header(at, *header);
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

Result<std::optional<BlobRecord>> BlobMender::restore_header(uint64_t at, std::string_view header) {
  std::string sizes(header.substr(0, kBlobRecordSizes));
  auto checksum = static_cast<uint32_t>(read_little_endian(header, kBlobRecordSizes, 4));
  if (!restore_bit(sizes, checksum)) return std::nullopt;
  append_little_endian(sizes, checksum, 4);
  const std::optional<BlobRecord> record = read_blob_record(sizes);
  if (!record) return record;
  ++done_.restored;
  if (Result<void> written = overwrite(at, sizes); !written) return std::unexpected(written.error());
  return record;
}

Result<void> BlobMender::check_value(uint64_t at, const BlobRecord& record) {
  const Result<std::string> bytes = file_.read(at, record.size());
  if (!bytes) return std::unexpected(bytes.error());
  const std::string_view body = std::string_view(*bytes).substr(kBlobRecordHeader);
  if (masked_crc(body) == read_little_endian(*bytes, kBlobRecordSizes + 4, 4)) return {};
  std::string restored(body);
  auto checksum = static_cast<uint32_t>(read_little_endian(*bytes, kBlobRecordSizes + 4, 4));
  if (restore_bit(restored, checksum)) {
    std::string whole = bytes->substr(0, kBlobRecordSizes + 4);
    append_little_endian(whole, checksum, 4);
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
  const uint64_t next = next_blob_record(bytes(), at + 1, end_).value_or(end_);
  const uint64_t span = next - at;
  constexpr uint64_t kHeadKey = 10;
  constexpr uint64_t kChunkKey = 14;
  if (span < kBlobRecordHeader + kChunkKey || span > kLargestBlobValue) {
    ++done_.left;
    return next;
  }
  const Result<std::string> key = file_.read(at + kBlobRecordHeader, kChunkKey);
  if (!key) return std::unexpected(key.error());
  const bool head = (*key)[0] == 'b' && (*key)[9] == 'b';
  const bool chunk = (*key)[0] == 'b' && (*key)[9] == 'c';
  const uint64_t length = head ? kHeadKey : kChunkKey;
  const std::string made =
      make_record(key->substr(0, length), span - kBlobRecordHeader - length, compression_);
  if ((!head && !chunk) || made.size() != span) {
    ++done_.left;
    return next;
  }
  ++done_.values;
  if (Result<void> written = overwrite(at, made); !written) return std::unexpected(written.error());
  return next;
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
  append_little_endian(out, zeros, 4);
  size_t rest = zeros;
  for (size_t i = 0; i < blocks; ++i) {
    const size_t size = std::min(rest, kLargestRaw);
    append_little_endian(out, (size << 3) | (i + 1 == blocks ? 1 : 0), kBlockHeader);
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
  if (compression == kBlobPlain) return std::string(size, '\0');
  if (compression == kBlobZstd) {
    constexpr size_t kLength = 5;
    size_t zeros = 0;
    const std::string frame = zstd_zeros(size - std::min(size, kLength), zeros);
    std::string out;
    append_varint(out, zeros, kLength);
    return frame.empty() ? "" : out + frame;
  }
  if (compression != kBlobLz4) return "";
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
  if (file->size() < kBlobFileHeader + kBlobFileFooter) return MendedBlobs{0, 0, 1};
  BlobMender mender(*file, std::filesystem::path(path).filename().string(), aside);
  Result<void> done = mender.run();
  if (!done) return std::unexpected(done.error());
  return mender.done();
}

}  // namespace posthouse::engine
