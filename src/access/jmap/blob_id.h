// Names of octets that can be had as they are (RFC 8620 section 6): letters, what is attached to them, and
// what clients have uploaded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace posthouse::access::jmap {

struct BlobId {
  enum class Kind { letter, part, upload };
  Kind kind = Kind::letter;
  uint64_t id = 0;      // of the letter (its EMAILID), or of the upload
  std::string section;  // of a part: its number as IMAP has it, "1.2"
  bool operator==(const BlobId&) const = default;
};

// "B" and the letter's id; the same with "-" and the section, its dots written "_"; "U" and the id.
std::string format_blob_id(const BlobId& blob);
std::optional<BlobId> parse_blob_id(std::string_view text);

}  // namespace posthouse::access::jmap
