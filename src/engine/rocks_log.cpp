#include "engine/rocks_log.h"

#include <algorithm>
#include <optional>

#include "engine/crc32c.h"
#include "engine/patch_file.h"

namespace posthouse::engine {

namespace {

constexpr size_t kBlock = 32 * 1024;
constexpr size_t kHeader = 7;
constexpr size_t kBatchHeader = 12;
constexpr size_t kPage = 4096;
constexpr char kLogData = 3;  // a note in a batch, which is no row
enum Type : unsigned { whole = 1, first = 2, middle = 3, last = 4 };

uint64_t little(std::string_view bytes, size_t at, size_t size) {
  uint64_t out = 0;
  for (size_t i = size; i-- > 0;) out = (out << 8) | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

void append_little(std::string& to, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) to.push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

struct Piece {
  unsigned type = 0;
  std::string_view bytes;
};

size_t length_at(std::string_view block, size_t at) {
  return static_cast<size_t>(little(block, at + 4, 2));
}

// The piece whose header is there, if all of it is sound.
std::optional<Piece> piece_at(std::string_view block, size_t at) {
  if (at + kHeader > block.size()) return std::nullopt;
  const size_t length = length_at(block, at);
  const auto type = static_cast<unsigned char>(block[at + 6]);
  if (type == 0 || length > block.size() - at - kHeader) return std::nullopt;
  if (masked_crc(block.substr(at + 6, length + 1)) != little(block, at, 4)) return std::nullopt;
  return Piece{type, block.substr(at + kHeader, length)};
}

bool is_ours(unsigned type) {
  return type >= whole && type <= last;
}

// Whether pieces of ours, one behind the other, lead from there to the end.
bool leads_to_the_end(std::string_view block, size_t at) {
  while (const auto piece = piece_at(block, at)) {
    if (!is_ours(piece->type)) return false;
    at += kHeader + piece->bytes.size();
  }
  return at == block.size() || at + kHeader > kBlock;
}

// Where to read on behind something unreadable: the next piece, or the end of the block. Bytes of a letter
// may look like pieces, so they are not searched where the damaged piece still tells its end; and where that
// is behind the end of the file, as when the power goes, only what leads exactly to it counts.
size_t next_piece(std::string_view block, size_t damaged) {
  bool torn = false;
  if (is_ours(static_cast<unsigned char>(block[damaged + 6]))) {
    const size_t end = damaged + kHeader + length_at(block, damaged);
    if (end <= block.size() && (leads_to_the_end(block, end) || piece_at(block, end))) return end;
    torn = end > block.size() && end <= kBlock;
  }
  for (size_t at = damaged + 1; at + kHeader <= block.size(); ++at) {
    if (!is_ours(static_cast<unsigned char>(block[at + 6]))) continue;
    if (piece_at(block, at) && (!torn || leads_to_the_end(block, at))) return at;
  }
  return block.size();
}

// A page of zeros, or the rest of one.
bool has_unwritten_page(std::string_view block, size_t begin, size_t end) {
  for (size_t page = begin / kPage * kPage; page < end; page += kPage) {
    const size_t from = std::max(page, begin);
    const size_t to = std::min(page + kPage, block.size());
    if (to > end) break;
    if (block.substr(from, to - from).find_first_not_of('\0') == std::string_view::npos) return true;
  }
  return false;
}

bool is_unflushed(std::string_view record) {
  const size_t mark = kBatchHeader + 2;
  return record.size() >= mark && record[kBatchHeader] == kLogData &&
         record.substr(mark).starts_with(kUnflushedMark);
}

class Scan {
 public:
  Scan(LogReading& to, const LogVisitor& visit) : to_(to), visit_(visit), lost_(to.broken ? UINT64_MAX : 0) {}

  Result<void> block(std::string_view block) {
    Result<void> done;
    size_t at = 0;
    while (done && at + kHeader <= block.size()) {
      const auto piece = piece_at(block, at);
      if (piece && is_ours(piece->type)) {
        done = take(*piece);
        at += kHeader + piece->bytes.size();
        continue;
      }
      if (piece) to_.foreign = true;
      const size_t next = next_piece(block, at);
      stumble(block, at, next);
      at = next;
    }
    return done;
  }

 private:
  void stumble(std::string_view block, size_t begin, size_t end) {
    if (!to_.broken) to_.unwritten = false;
    to_.broken = true;
    to_.unwritten = to_.unwritten || has_unwritten_page(block, begin, end);
    lose(end - begin);
    drop();
  }
  // One that has no end.
  void drop() {
    if (record_) lose(record_->size());
    record_.reset();
  }
  void lose(uint64_t bytes) {
    to_.broken = true;
    lost_ += std::min(bytes, UINT64_MAX - lost_);
  }

  Result<void> take(const Piece& piece) {
    const bool begins = piece.type == whole || piece.type == first;
    if (begins) {
      drop();
      record_.emplace();
    } else if (!record_) {
      lose(piece.bytes.size());
      return {};
    }
    record_->append(piece.bytes);
    if (piece.type == first || piece.type == middle) return {};
    const std::string record = std::move(*record_);
    record_.reset();
    return complete(record);
  }

  Result<void> complete(const std::string& record) {
    if (record.size() < kBatchHeader) return {};
    const uint64_t number = little(record, 0, 8);
    if (to_.broken && !goes_on(number, record)) return {};
    to_.broken = false;
    to_.behind += to_.damaged ? 1 : 0;
    lost_ = 0;
    to_.next = number + little(record, 8, 4);
    ++to_.records;
    return visit_ ? visit_(record) : Result<void>();
  }

  // Behind something unreadable: whether the record is one of this log, and if so, what that means.
  bool goes_on(uint64_t number, std::string_view record) {
    // Every lost row had some bytes.
    if (to_.next != 0 && (number < to_.next || number - to_.next > lost_)) return false;
    if (to_.next != 0 && number == to_.next) return true;  // nothing was there
    // Pages that were not flushed come to the disk in any order.
    if (to_.unwritten && is_unflushed(record)) {
      to_.cut = true;
      return false;
    }
    to_.bytes += lost_ == UINT64_MAX ? 0 : lost_;
    to_.damaged = true;
    return true;
  }

  LogReading& to_;
  const LogVisitor& visit_;
  std::optional<std::string> record_;
  uint64_t lost_;  // bytes since the last record; how many is not known when they are those of another log
};

}  // namespace

Result<void> read_log(const std::string& path, LogReading& reading, const LogVisitor& visit) {
  Result<PatchFile> file = PatchFile::open(path);
  if (!file) return std::unexpected(file.error());
  Scan scan(reading, visit);
  for (uint64_t at = 0; at < file->size(); at += kBlock) {
    const Result<std::string> block = file->read(at, std::min<uint64_t>(kBlock, file->size() - at));
    if (!block) return std::unexpected(block.error());
    if (Result<void> done = scan.block(*block); !done) return done;
  }
  return {};
}

Result<void> read_records(const std::string& path, const LogVisitor& visit) {
  Result<PatchFile> file = PatchFile::open(path);
  if (!file) return std::unexpected(file.error());
  std::string record;
  for (uint64_t at = 0; at < file->size(); at += kBlock) {
    const Result<std::string> block = file->read(at, std::min<uint64_t>(kBlock, file->size() - at));
    if (!block) return std::unexpected(block.error());
    size_t in_block = 0;
    while (const auto piece = piece_at(*block, in_block)) {
      if (piece->type == whole || piece->type == first) record.clear();
      record += piece->bytes;
      in_block += kHeader + piece->bytes.size();
      if (piece->type != whole && piece->type != last) continue;
      if (Result<void> done = visit(record); !done) return done;
    }
  }
  return {};
}

void LogWriter::add(std::string_view record) {
  for (bool begins = true, ends = false; !ends; begins = false) {
    if (kBlock - in_block_ < kHeader) {
      sink_(std::string(kBlock - in_block_, '\0'));
      in_block_ = 0;
    }
    const size_t length = std::min(record.size(), kBlock - in_block_ - kHeader);
    ends = length == record.size();
    const unsigned type = begins ? (ends ? whole : first) : (ends ? last : middle);
    std::string body(1, static_cast<char>(type));
    body.append(record.substr(0, length));
    std::string out;
    append_little(out, masked_crc(body), 4);
    append_little(out, length, 2);
    sink_(out + body);
    record.remove_prefix(length);
    in_block_ += kHeader + length;
  }
}

}  // namespace posthouse::engine
