// Rows as bytes: a format version, fields, a checksum. Every value this program stores is written with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace posthouse::engine {

// Builds a record: version byte, fields in the order of the calls, XXH3 checksum (4 bytes) at the end.
class RecordWriter {
 public:
  explicit RecordWriter(uint8_t version);
  RecordWriter& u8(uint8_t v);
  RecordWriter& varint(uint64_t v);
  RecordWriter& bytes(std::string_view v);  // length-prefixed
  std::string finish();

 private:
  std::string out_;
};

// Reads one back. Check ok() once after the last field: a short record, a bad checksum or an unknown version
// make it false, and every field read then is empty or 0. The views point into the bytes given.
class RecordReader {
 public:
  // Versions 1..newest are accepted.
  RecordReader(std::string_view record, uint8_t newest);
  uint8_t version() const { return version_; }
  uint8_t u8() {
    if (rest_.empty()) {
      stumble("ends early");
      return 0;
    }
    const auto v = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return v;
  }
  uint64_t varint();
  std::string_view bytes();
  bool at_end() const { return rest_.empty(); }
  bool ok() const { return ok_; }
  // `corrupt`, saying whether checksum, length or version is wrong, and of what.
  Fault fault(std::string_view what) const;

 private:
  void stumble(const char* reason);

  std::string_view rest_;
  uint8_t version_ = 0;
  bool ok_ = true;
  const char* reason_ = "";
};

// Big-endian, so that rows sort by number.
void append_key_u32(std::string& key, uint32_t v);
void append_key_u64(std::string& key, uint64_t v);
uint32_t read_key_u32(std::string_view bytes);  // the first 4 bytes; 0 if there are fewer
uint64_t read_key_u64(std::string_view bytes);  // the first 8

}  // namespace posthouse::engine
