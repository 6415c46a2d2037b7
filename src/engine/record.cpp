#include "engine/record.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <xxhash.h>

namespace posthouse::engine {

namespace {

constexpr size_t kChecksumSize = 4;
constexpr unsigned kVarintBits = 7;
constexpr size_t kLongestVarint = 10;
constexpr size_t kUsualSize = 60;

uint32_t checksum_of(std::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace

RecordWriter::RecordWriter(uint8_t version) {
  out_.reserve(kUsualSize);  // most are shorter: they are put together at one place
  out_.push_back(static_cast<char>(version));
}

RecordWriter& RecordWriter::u8(uint8_t v) {
  out_.push_back(static_cast<char>(v));
  return *this;
}

RecordWriter& RecordWriter::varint(uint64_t v) {
  while (v >= 0x80) {
    out_.push_back(static_cast<char>((v & 0x7f) | 0x80));
    v >>= kVarintBits;
  }
  out_.push_back(static_cast<char>(v));
  return *this;
}

RecordWriter& RecordWriter::bytes(std::string_view v) {
  out_.reserve(out_.size() + v.size() + 10 + kChecksumSize);
  varint(v.size());
  out_.append(v);
  return *this;
}

std::string RecordWriter::finish() {
  append_key_u32(out_, checksum_of(out_));
  return std::move(out_);
}

RecordReader::RecordReader(std::string_view record, uint8_t newest) {
  if (record.size() < 1 + kChecksumSize) {
    ok_ = false;
    reason_ = "too short";
    return;
  }
  const std::string_view body = record.substr(0, record.size() - kChecksumSize);
  if (checksum_of(body) != read_key_u32(record.substr(body.size()))) {
    ok_ = false;
    reason_ = "checksum differs";
    return;
  }
  version_ = static_cast<uint8_t>(body[0]);
  if (version_ == 0 || version_ > newest) {
    ok_ = false;
    reason_ = version_ == 0 ? "unknown version" : "unknown version: a newer program wrote it";
    return;
  }
  rest_ = body.substr(1);
}

void RecordReader::stumble(const char* reason) {
  if (ok_) reason_ = reason;
  ok_ = false;
  rest_ = {};
}

// Listings read ten numbers a row: hence no call for each byte.
uint64_t RecordReader::varint() {
  const char* at = rest_.data();
  const char* const end = at + std::min(rest_.size(), kLongestVarint);
  uint64_t v = 0;
  for (unsigned shift = 0; at != end; shift += kVarintBits) {
    const auto byte = static_cast<uint8_t>(*at++);
    v |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) != 0) continue;
    rest_.remove_prefix(static_cast<size_t>(at - rest_.data()));
    return v;
  }
  stumble(rest_.size() < kLongestVarint ? "ends early" : "number too long");
  return 0;
}

std::string_view RecordReader::bytes() {
  const uint64_t size = varint();
  if (!ok_) return {};
  if (size > rest_.size()) {
    stumble("ends early");
    return {};
  }
  const std::string_view v = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return v;
}

Fault RecordReader::fault(std::string_view what) const {
  return Fault{FaultKind::corrupt,
               fmt::format("{}: record is damaged: {}", what, ok_ ? "unexpected content" : reason_)};
}

void append_key_u32(std::string& key, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) key.push_back(static_cast<char>(v >> shift));
}

void append_key_u64(std::string& key, uint64_t v) {
  append_key_u32(key, static_cast<uint32_t>(v >> 32));
  append_key_u32(key, static_cast<uint32_t>(v));
}

uint32_t read_key_u32(std::string_view bytes) {
  uint32_t v = 0;
  if (bytes.size() >= sizeof v) std::memcpy(&v, bytes.data(), sizeof v);
  return be32toh(v);
}

uint64_t read_key_u64(std::string_view bytes) {
  uint64_t v = 0;
  if (bytes.size() >= sizeof v) std::memcpy(&v, bytes.data(), sizeof v);
  return be64toh(v);
}

}  // namespace posthouse::engine
