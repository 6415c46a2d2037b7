// The bytes of a summary record, described field by field in docs/formats/message-record.md: varints (LEB128)
// and texts behind their length.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace posthouse::message::record {

inline constexpr uint64_t kVersion = 2;
inline constexpr uint64_t kFirstVersion = 1;  // without overview and decoded sizes

// RecordFlag
inline constexpr uint64_t kHas8bitHeader = 1;
inline constexpr uint64_t kHas8bitBody = 2;
inline constexpr uint64_t kTruncated = 4;
inline constexpr uint64_t kHasReadableDate = 8;
inline constexpr uint64_t kHasAttachment = 16;
// Of the overview's items; a reader passes over others.
inline constexpr uint64_t kPreviewItem = 1;
inline constexpr uint64_t kBaseSubjectItem = 2;
inline constexpr uint64_t kMessageIdItem = 3;
inline constexpr uint64_t kReferencesItem = 4;
inline constexpr uint64_t kReplyItem = 5;
// EnvelopeFlag
inline constexpr uint64_t kDate = 1;
inline constexpr uint64_t kSubject = 2;
inline constexpr uint64_t kInReplyTo = 4;
inline constexpr uint64_t kMessageId = 8;
// AddressFlag
inline constexpr uint64_t kName = 1;
inline constexpr uint64_t kRoute = 2;
inline constexpr uint64_t kMailbox = 4;
inline constexpr uint64_t kHost = 8;
// PartFlag
inline constexpr uint64_t kParameters = 1;
inline constexpr uint64_t kId = 2;
inline constexpr uint64_t kDescription = 4;
inline constexpr uint64_t kEncoding = 8;
inline constexpr uint64_t kMd5 = 16;
inline constexpr uint64_t kDisposition = 32;  // and its parameters
inline constexpr uint64_t kLanguages = 64;
inline constexpr uint64_t kLocation = 128;
inline constexpr uint64_t kEnvelope = 256;  // its size and itself
inline constexpr uint64_t kChildren = 512;
inline constexpr uint64_t kDecodedSize = 1024;
inline constexpr uint64_t kKnownPartFlags = 2047;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void number(uint64_t n) {
    if (n < 0x80) return out_.push_back(static_cast<char>(n));
    std::array<char, 10> bytes;
    size_t size = 0;
    for (; n >= 0x80; n >>= 7) bytes[size++] = static_cast<char>(n | 0x80);
    bytes[size++] = static_cast<char>(n);
    out_.append(bytes.data(), size);
  }
  void signed_number(int64_t n) { number(static_cast<uint64_t>(n) << 1 ^ static_cast<uint64_t>(n >> 63)); }
  void text(std::string_view s) {
    number(s.size());
    out_.append(s);
  }
  // Behind twice its length.
  void text_twice(std::string_view s) {
    number(s.size() << 1);
    out_.append(s);
  }

 private:
  std::string& out_;
};

// Reads what Writer wrote. On damage good() turns false for ever, and numbers are 0 and texts empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  bool good() const { return good_; }
  bool at_end() const { return rest_.empty(); }
  void spoil() {
    good_ = false;
    rest_ = {};
  }

  uint64_t number() {
    uint64_t n = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      n |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return n;
    }
    spoil();
    return 0;
  }
  int64_t signed_number() {
    const uint64_t n = number();
    return static_cast<int64_t>(n >> 1 ^ (~(n & 1) + 1));
  }
  // A view into the record.
  std::string_view text() { return bytes(number()); }
  std::string_view bytes(uint64_t size) {
    if (size > rest_.size()) {
      spoil();
      return {};
    }
    const auto s = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return s;
  }
  // How many items follow: each takes at least a byte, so more than there are bytes is damage.
  uint64_t count() {
    const uint64_t n = number();
    if (n > rest_.size()) {
      spoil();
      return 0;
    }
    return n;
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

}  // namespace posthouse::message::record
